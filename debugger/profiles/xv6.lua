-- xv6 (MIT's teaching kernel, for RISC-V and x86), and kernels of its shape: a table of `struct proc` and one of `struct cpu`
-- whose member `proc` says what runs there.
local profile = { name = "xv6" }

local state_names = { "UNUSED", "USED", "EMBRYO", "SLEEPING", "RUNNABLE", "RUNNING", "ZOMBIE" }

-- Offset of a member; nil when the struct has none of these names.
local function field(struct, ...)
  for _, name in ipairs{...} do
    local offset = orrery.member(struct, name)
    if offset then return offset end
  end
end

function profile.attach()
  local riscv = orrery.cpus()[1].isa:find("^riscv") ~= nil
  -- RISC-V: struct proc proc[NPROC]; x86: struct { struct spinlock lock; struct proc proc[NPROC]; } ptable
  local ok, first = pcall(orrery.eval, riscv and "&proc[0]" or "&ptable.proc[0]")
  if not ok then
    ok, first = pcall(orrery.eval, riscv and "&ptable.proc[0]" or "&proc[0]")
  end
  local cpus = orrery.symbol("cpus")
  local size = ok and orrery.sizeof("struct proc")
  if not ok or not cpus or not size then
    return nil, "there are no tables `proc` (or `ptable`) and `cpus`: are the kernel's symbols with debug information loaded?"
  end
  local count = orrery.eval(string.format("sizeof(%s) / sizeof(struct proc)",
                                          pcall(orrery.eval, "&proc[0]") and "proc" or "ptable.proc"))
  local at = {
    pid = field("proc", "pid"), name = field("proc", "name"), state = field("proc", "state"),
    table = field("proc", "pagetable", "pgdir"), stack = field("proc", "kstack"),
  }
  local cpu_size, cpu_proc = orrery.sizeof("struct cpu"), field("cpu", "proc")
  if not (at.pid and at.state and at.table and cpu_proc) then
    return nil, "struct proc has no pid, state and pagetable, or struct cpu no proc"
  end
  local states = {}
  for _, name in ipairs(state_names) do
    local found, value = pcall(orrery.eval, name)
    if found then states[value] = name:lower() end
  end
  -- The kernel's memory is read where it is physically, because a CPU in user mode does not see it. RISC-V: it is mapped to
  -- the same addresses; x86: from KERNBASE on (memlayout.h).
  local direct = riscv and 0 or 0x80000000
  local function pointer(va)
    if orrery.sizeof("void *") == 4 then return orrery.phys.u32(va - direct) end
    return orrery.phys.u64(va - direct)
  end

  local function task(p)
    local root = at.table and pointer(p + at.table) or 0
    return {
      object = p, pid = orrery.phys.i32(p - direct + at.pid),
      name = at.name and orrery.phys.string(p - direct + at.name, 16) or "",
      state = states[orrery.phys.i32(p - direct + at.state)] or "?",
      root = root ~= 0 and (root - direct) or nil, stack = at.stack and pointer(p + at.stack),
    }
  end

  local os = {}

  function os.current(cpu)
    local p = pointer(cpus + cpu * cpu_size + cpu_proc)
    if p and p ~= 0 then return task(p) end
  end

  function os.tasks()
    local list = {}
    for i = 0, count - 1 do
      local t = task(first + i * size)
      if t.state ~= "unused" then list[#list + 1] = t end
    end
    return list
  end

  return os
end

return profile
