# Debian's packages, for quickstart and test; to be sourced. Needs apt.

step() { printf '\n==> %s\n' "$*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
# Debian's version of a package that apt would install.
candidate() { LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: //p'; }
installed() { dpkg-query --show --showformat '${db:Status-Abbrev}${Version}\n' "$1" 2>/dev/null | sed -n 's/^ii  *//p'; }

# Installs those of the packages that are missing.
install_missing() {
    local missing=() package utils qemu
    for package in "$@"; do
        [ -n "$(installed "$package")" ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    step "installing ${missing[*]}"
    as_root apt-get update
    # A qemu-utils newer than the QEMU that apt would install holds it back: both have to be of one version.
    utils=$(installed qemu-utils) qemu=$(candidate qemu-system-x86)
    if [ -n "$utils" ] && dpkg --compare-versions "$utils" gt "$qemu"; then
        missing+=("qemu-system-x86=$qemu" "qemu-utils=$qemu" --allow-downgrades)
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
}

# Sets $docker to a docker CLI: the one on the PATH, else the distribution's client, unpacked under the folder $1 and not
# installed, since its package would bring a daemon along.
find_docker() {
    docker=$(command -v docker || true)
    [ -z "$docker" ] || return 0
    local folder=$1/docker-cli package=docker.io
    docker=$folder/usr/bin/docker
    [ ! -x "$docker" ] || return 0
    # A package of its own from Debian 13 on.
    [ "$(candidate docker-cli)" = '' ] || [ "$(candidate docker-cli)" = '(none)' ] || package=docker-cli
    step "unpacking the docker client of Debian's $package"
    [ -n "$(candidate "$package")" ] || as_root apt-get update
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    (
        cd "$folder.new"
        # As whoever runs this: apt's own user may not be let into this directory.
        apt-get -o APT::Sandbox::User="$(id -un)" download "$package"
        dpkg-deb --fsys-tarfile ./*.deb | tar --extract ./usr/bin/docker
        rm ./*.deb
    )
    rm -rf "$folder"
    mv "$folder.new" "$folder"
}
