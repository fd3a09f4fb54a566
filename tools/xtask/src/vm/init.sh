#!/world/usr/bin/busybox sh
# The kernel's first program: loads the modules and makes /world the root. Where the kernel unpacked its archives can't be
# pivoted away from, as every container does; a mount on top of it can. Compare switch_root(8).

b=/world/usr/bin/busybox

while read -r module; do
    $b insmod "/modules/$module.ko" || echo "$module can't be loaded"
done < /modules/order
$b rm -r /modules

$b mount -o bind /world /world
cd /world || exit
$b mount -o move . /
exec $b chroot . /usr/sbin/init
