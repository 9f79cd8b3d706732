# For tests/jit/a64: the JIT, what it is made of and three of its tests, for AArch64. S: the sources; X: a folder with
# xxhash.h alone (the host's, in the form that is all header).
CC = aarch64-linux-gnu-gcc
CFLAGS = -std=gnu11 -O1 -foptimize-sibling-calls -Wall -Wextra -Wno-unused-parameter -D_GNU_SOURCE -DUNIT_PLAIN \
  -DXXH_INLINE_ALL -I$(S) -I$(X)
ROOMS = base memory cpu cpu/riscv cpu/softfloat cpu/timing cpu/x86 jit
PLACES := $(wildcard $(addprefix $(S)/,$(addsuffix /*.c,$(ROOMS))))
CORE := $(patsubst $(S)/%.c,%.o,$(PLACES)) tests/jit/a64_qemu.o

all: emit check half
emit: tests/jit/emit.o
check: tests/jit/check.o tests/isa/rig.o tests/isa/program.o
half: tests/jit/half.o tests/isa/rig.o tests/isa/program.o
emit check half: $(CORE)
	$(CC) -static -Wl,--wrap=code_written $^ -lm -o $@
$(CORE) tests/jit/emit.o tests/jit/check.o tests/jit/half.o tests/isa/rig.o tests/isa/program.o: %.o: $(S)/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c $< -o $@
