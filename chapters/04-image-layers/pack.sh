# pack.sh TOP.tar: an image of base.tar and TOP.tar, as the directory `layout` and, in one file, as image.tar.
rm -rf layout && mkdir -p layout/blobs/sha256

digest() { sha256sum < "$1" | cut -c 1-64; }

# Puts a file among the blobs, and prints what points to it from elsewhere.
blob() {
    cp "$1" "layout/blobs/sha256/$(digest "$1")"
    echo "{ \"mediaType\": \"application/vnd.oci.image.$2\","
    echo "  \"digest\": \"sha256:$(digest "$1")\", \"size\": $(stat -c %s "$1") }"
}

cat > config <<END
{ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers",
  "diff_ids": ["sha256:$(digest base.tar)", "sha256:$(digest "$1")"] } }
END
cat > manifest <<END
{ "schemaVersion": 2, "config": $(blob config config.v1+json),
  "layers": [$(blob base.tar layer.v1.tar), $(blob "$1" layer.v1.tar)] }
END
cat > layout/index.json <<END
{ "schemaVersion": 2, "manifests": [$(blob manifest manifest.v1+json)] }
END
echo '{ "imageLayoutVersion": "1.0.0" }' > layout/oci-layout
tar -C layout -cf image.tar .
