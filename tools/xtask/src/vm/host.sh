#!/bin/sh
# Pid 1 of the VM: mounts what a host has, with cgroup version 2 alone, runs the command and switches the machine off.
# Its own streams are the console, with the kernel's messages. The command's output goes to the second serial line, and to
# the third what the tool outside has to know.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root SHELL=/bin/sh
output=/dev/ttyS1
report=/dev/ttyS2

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o nosuid,mode=755 devtmpfs /dev
mkdir /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=000 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /dev/shm
mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
# What a host keeps is on a disk. This one has no journal; otherwise it is an ext4, with all that tmpfs lacks.
mke2fs /dev/vda > /dev/null
mount -t ext4 /dev/vda /var
mkdir -p /var/lib
mkdir -m 1777 /var/tmp
# A host's mounts are shared, because systemd makes them so.
mount --make-rshared /

for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done

# What udev does elsewhere.
ln -s /proc/self/fd /dev/fd
for stream in stdin:0 stdout:1 stderr:2; do
    ln -s "/proc/self/fd/${stream#*:}" "/dev/${stream%:*}"
done
chmod 666 /dev/fuse /dev/net/tun

hostname vm
ip link set lo up
mkdir -p -m 700 /run/user/1000
chown -R learner:learner /home/learner /run/user/1000
ulimit -Hn 1048576

stty -F $output raw -echo
stty -F $report raw -echo
echo up > $report
cd /root
# Through a pipe, as for any program whose output is kept; and without this script's terminal.
{
    setsid sh /command
    echo $? > /run/status
} < /dev/null 2>&1 | cat > $output
# Setting a line waits until all is sent.
stty -F $output raw
echo "exit $(cat /run/status)" > $report
stty -F $report raw
reboot -f
