# A private apt configuration in $dir/apt for Debian packages of $arch; the system's own sources are not touched. Sourced with
# dir and arch set. After newest_kernel, $kernel is the package of the kernel that $suite has now.
case $arch in riscv64) suite=trixie ;; *) suite=bookworm ;; esac
case $arch in i386) flavour=686 ;; *) flavour=$arch ;; esac
apt=$dir/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/etc/preferences.d" "$apt/etc/apt.conf.d"
: > "$apt/status"
echo "deb [arch=$arch signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" > "$apt/sources.list"
cat > "$apt/apt.conf" <<EOF
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "$apt/etc/preferences.d";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
EOF
export APT_CONFIG="$apt/apt.conf"
export LC_ALL=C

newest_kernel() {
  apt-get -qq update >&2
  kernel=$(apt-cache depends linux-image-$flavour | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [ -n "$kernel" ] || { echo "the Debian mirror has no linux-image-$flavour for $suite" >&2; exit 1; }
}
