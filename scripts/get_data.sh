#!/usr/bin/env bash
# Fetches a data set into a folder and checks its MD5 sums. Needs network; training never does.
set -euo pipefail
case "${1:-}" in
    mnist)
        url=https://ossci-datasets.s3.amazonaws.com/mnist
        sums="f68b3c2dcbeaaa9fbdd348bbdeb94873  train-images-idx3-ubyte.gz
d53e105ee54ea40749a09fcbcd1e9432  train-labels-idx1-ubyte.gz
9fb629c4189551a2d022fa330f9573f3  t10k-images-idx3-ubyte.gz
ec29112dd5afa0611ce80d1b7f02629c  t10k-labels-idx1-ubyte.gz" ;;
    fashion-mnist)
        url=http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
        sums="8d4fb7e6c68d591d4c3dfef9ec88bf0d  train-images-idx3-ubyte.gz
25c81989df183df01b3e8a0aad5dffbe  train-labels-idx1-ubyte.gz
bef4ecab320f06d8554ea6380940ec79  t10k-images-idx3-ubyte.gz
bb300cfdad3c16e7a12a480ee83cd310  t10k-labels-idx1-ubyte.gz" ;;
    *)
        echo "usage: $0 mnist|fashion-mnist [FOLDER, default data]" >&2
        exit 2 ;;
esac
folder=${2:-data}
mkdir -p "$folder"
cd "$folder"
while read -r _ file; do
    [ -f "$file" ] || curl -fsSL -o "$file.part" "$url/$file"
    [ -f "$file" ] || mv "$file.part" "$file"
done <<<"$sums"
md5sum -c <<<"$sums"
