#!/usr/bin/env bash
# deps.sh build|test|lint|fuzz|bench|demo ...
# Installs what the named groups need from Debian and npm, as far as it is missing, and says nothing
# when nothing is. Missing is decided by the thing itself, never by asking apt.
set -euo pipefail
cd "$(dirname "$0")/.."

# make runs several of these side by side, and dpkg has one lock: one after the other, each looks anew.
exec 9< "$0"
flock 9

missing=() # Debian packages
npm_missing=

need() { # package, then a command that succeeds when it is there
    local package=$1
    shift
    "$@" > /dev/null 2>&1 || missing+=("$package")
}

has() { command -v "$1"; }
perl_has() { perl -M"$1" -e 1; }

for group in "$@"; do
    case $group in
    build)
        need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
        need make has make
        need gcc has "${CC:-gcc}"
        need libc6-dev test -e /usr/include/stdio.h
        need pkg-config has pkg-config
        need libssl-dev pkg-config --exists 'libcrypto >= 3.0'
        need libjansson-dev pkg-config --exists jansson
        need libjwt-dev pkg-config --exists libjwt
        need libcurl4-openssl-dev pkg-config --exists 'libcurl >= 7.87.0'
        need nginx-dev test -e /usr/share/nginx/src/conf_flags
        ;;
    test)
        need nginx test -x /usr/sbin/nginx
        need perl has prove
        need libcrypt-jwt-perl perl_has Crypt::JWT
        need curl eval 'curl --version | grep -q HTTP2'
        need nghttp2-client has nghttp
        need util-linux has unshare
        ;;&
    lint)
        need clang-tidy has clang-tidy
        need clang-format has clang-format
        need cppcheck has cppcheck
        ;;
    fuzz)
        need clang has "${CLANG:-clang}"
        need libclang-rt-14-dev eval 'ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a'
        ;;
    bench)
        need nginx test -x /usr/sbin/nginx
        need valgrind has valgrind
        need wrk has wrk
        need libcrypt-jwt-perl perl_has Crypt::JWT
        ;;
    demo)
        need nginx test -x /usr/sbin/nginx
        need nodejs has node
        need npm has npm
        ;;&
    test | demo)
        # npm leaves node_modules/.package-lock.json behind when it is done. The project's Node comes
        # with the packages; Debian's runs npm.
        if [ -f demo/package-lock.json ] \
            && { [ ! -f demo/node_modules/.package-lock.json ] \
                || [ demo/package-lock.json -nt demo/node_modules/.package-lock.json ]; }; then
            npm_missing=1
            need nodejs has node
            need npm has npm
        fi
        ;;
    *)
        echo "deps: unknown group '$group'" >&2
        exit 2
        ;;
    esac
done

install_packages() {
    local packages had_nginx=1 sudo=()
    packages=$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')

    if ! command -v apt-get > /dev/null; then
        echo "deps: missing, by Debian's names: $packages" >&2
        echo "deps: there is no apt-get here: install what corresponds to them, then try again." >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "deps: missing: $packages" >&2
        echo "deps: as root: apt-get install --no-install-recommends $packages" >&2
        exit 1
    fi

    [ -x /usr/sbin/nginx ] || had_nginx=
    echo "deps: installing $packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    # shellcheck disable=SC2086 # a list
    apt-get -q -y --no-install-recommends install $packages
    [ -n "$had_nginx" ] || stop_new_server
}

# Debian starts the nginx it installs. One that was not there before is not left running.
stop_new_server() {
    [ -s /run/nginx.pid ] && kill -0 "$(cat /run/nginx.pid)" 2> /dev/null || return 0
    if [ -d /run/systemd/system ]; then
        systemctl stop nginx
    else
        /usr/sbin/nginx -s stop
    fi
    echo "deps: installing nginx had started a server on port 80; it was stopped again." \
        "It will start with the machine: 'systemctl disable nginx' prevents that."
}

if [ ${#missing[@]} -gt 0 ]; then
    install_packages
fi

if [ -n "$npm_missing" ]; then
    echo "deps: npm ci in demo/"
    (cd demo && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
    touch demo/node_modules/.package-lock.json
fi
