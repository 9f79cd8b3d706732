# Sourced by the determinism gates of this folder: runs of the same guest, compared; the other compiler's build.

# --- the other compiler's build -----------------------------------------------------------------------------------
compiler=$(sed -n 's/^CC = //p' "$BUILD/Makefile")
case $compiler in *clang*) other=gcc ;; *) other=clang ;; esac
need $other $other
other_build=$BUILD/clang-build
build_other() { # tests run side by side; one of them builds
  exec 8> "$BUILD/clang-build.lock"
  flock 8
  unset MAKEFLAGS MFLAGS MAKELEVEL
  source=$SRC
  if [ -e "$SRC/config.status" ]; then # configured in the source tree: no second build of that one
    source=$BUILD/clang-build.src
    [ -x "$source/configure" ] || make -s -C "$BUILD" distdir distdir="$source" || return 1
  fi
  mkdir -p "$other_build" && cd "$other_build" || return 1
  cache=$(command -v ccache) # what was compiled in another build tree
  [ -f Makefile ] || "$source/configure" -q CC="${cache:+ccache }$other" CFLAGS=-O2 || return 1
  make -s -j2 orrery
}

random() { # FROM TO
  n=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
  echo $(($1 + n % ($2 - $1)))
}

# --- runs and their comparison ------------------------------------------------------------------------------------
# Each run NAME leaves NAME.out (hashes), NAME.con (what the guest printed) and NAME.status.
go() { # NAME COMMAND...: with standard input as it is
  n=$1; shift
  rm -f console
  limit 150 "$@" > "$n.out" 2> "$n.err"
  echo $? > "$n.status"
  mv console "$n.con"
}

equal() { # WHAT NAME BASE
  expected=$(state_hash "$3.out")
  if [ -z "$expected" ] || [ "$(wc -l < "$3.con")" -lt 3 ]; then
    bad "$1: the run '$3' it is compared with came to nothing"
  elif [ "$(cat "$2.status")" != 0 ]; then
    bad "$1: exit status $(cat "$2.status"): $(tail -n 3 "$2.err")"
  elif [ "$(state_hash "$2.out")" != "$expected" ]; then
    bad "$1: it ends in $(state_hash "$2.out"), expected was $expected"
  elif [ "$(hash_lines "$2.out")" != "$(hash_lines "$3.out")" ]; then
    bad "$1: on the way: $(diff "$2.out" "$3.out" | head -n 4)"
  elif ! cmp -s "$2.con" "$3.con"; then
    bad "$1: the guest printed something else: $(diff -a "$2.con" "$3.con" | head -n 4)"
  else
    ok "$1: $expected and $(hash_lines "$3.out" | wc -l) on the way"
  fi
}

differs() { # WHAT NAME BASE: that hashes are not all the same for everybody
  if [ "$(state_hash "$2.out" | cut -d' ' -f1)" != "$(state_hash "$3.out" | cut -d' ' -f1)" ]; then ok "$1"; else bad "$1"; fi
}

in_two() { # BASE FROM TO ARGUMENTS...: saved at a random position, loaded and run to the end
  base=$1; at=$(random "$2" "$3"); shift 3
  go "$base.first" "$ORRERY" run "$@" --stop-at "$at" --save snapshot < /dev/null
  # The same options, and nothing but the snapshot says where the machine is.
  go "$base.second" "$ORRERY" run "$@" --load snapshot < /dev/null
  cat "$base.first.con" "$base.second.con" > "$base.two.con"
  { hash_lines "$base.first.out"; cat "$base.second.out"; } > "$base.two.out"
  cat "$base.first.err" "$base.second.err" > "$base.two.err"
  cp "$base.second.status" "$base.two.status"
  same "snapshot at position $at: first part" "$(cat "$base.first.status") $(state_hash "$base.first.out" | cut -d' ' -f3)" "0 $at"
  equal "restored from the snapshot at position $at" "$base.two" "$base"
  rm -f snapshot
}

trace_kind=spike
traced() { # ARGUMENTS...: the trace goes through a pipe, it is long; its lines are counted in `commits.n`
  rm -f commits
  mkfifo commits
  wc -l < commits > commits.n &
  go trace "$ORRERY" run "$@" --trace $trace_kind:commits < /dev/null
  wait $!
}
