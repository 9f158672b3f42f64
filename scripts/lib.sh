# What the scripts share: what has to be installed, and how.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

# Packages of Debian and Ubuntu, each with a file that shows that it is there.
build_packages=(
  pkg-config:/usr/bin/pkg-config
  libssl-dev:/usr/include/openssl/evp.h
  libzstd-dev:/usr/include/zstd.h
  liblz4-dev:/usr/include/lz4.h
)
demo_packages=(rsync:/usr/bin/rsync)
test_packages=(
  "${demo_packages[@]}"
  acl:/usr/bin/setfacl
  attr:/usr/bin/getfattr
  strace:/usr/bin/strace
  faketime:/usr/bin/faketime
  sshfs:/usr/bin/sshfs
  openssh-sftp-server:/usr/lib/openssh/sftp-server
  openssh-server:/usr/sbin/sshd
  openssh-client:/usr/bin/ssh
  time:/usr/bin/time
  binutils:/usr/bin/strings
  util-linux:/usr/bin/setpriv
  python3:/usr/bin/python3
  python3-venv:/usr/share/doc/python3-venv
  python3-dev:/usr/share/doc/python3-dev
  python3-cryptography:/usr/lib/python3/dist-packages/cryptography
  python3-zstandard:/usr/lib/python3/dist-packages/zstandard
  python3-lz4:/usr/lib/python3/dist-packages/lz4
  gcc:/usr/bin/gcc
  make:/usr/bin/make
  groff:/usr/bin/groff
  zsh:/usr/bin/zsh
  fish:/usr/bin/fish
  ntfs-3g:/usr/bin/lowntfs-3g
  squashfs-tools:/usr/bin/mksquashfs
  debootstrap:/usr/sbin/debootstrap
  libacl1-dev:/usr/include/acl/libacl.h
  libxxhash-dev:/usr/include/xxhash.h
  qrencode:/usr/bin/qrencode
  zbar-tools:/usr/bin/zbarimg
  librsvg2-bin:/usr/bin/rsvg-convert
  # For borg's clients: borgmatic's databases and spot check, and Vorta's windows without a screen.
  postgresql:/usr/bin/pg_lsclusters
  sqlite3:/usr/bin/sqlite3
  xxhash:/usr/bin/xxh64sum
  libegl1:/usr/share/doc/libegl1
  libgl1:/usr/share/doc/libgl1
  libxkbcommon0:/usr/share/doc/libxkbcommon0
  libfontconfig1:/usr/share/doc/libfontconfig1
  libdbus-1-3:/usr/share/doc/libdbus-1-3
  libglib2.0-0:/usr/share/doc/libglib2.0-0
)

# install PACKAGE:FILE…: installs the packages whose file is missing.
install() {
  local entry missing=() as_root=()
  for entry; do
    [ -e "${entry#*:}" ] || missing+=("${entry%%:*}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "Installing ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "Please install what corresponds to these Debian packages: ${missing[*]}" >&2
    return 1
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Neither root nor sudo: cannot install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  # Package lists that are there are used as they are; old or none, they are fetched first.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 </dev/null ||
    { "${as_root[@]}" apt-get update -qq </dev/null &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null </dev/null; }
}

need_swift() {
  command -v swift >/dev/null || {
    echo "A Swift toolchain is needed, 6.2 or later: https://www.swift.org/install" >&2
    return 1
  }
}
