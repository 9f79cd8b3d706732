-- Linux on x86-64 and RISC-V, from the kernel's own description of its types (BTF) or from DWARF. Made for 5.14 and later;
-- known to work with Debian's 6.1 (amd64) and 6.12 (riscv64).
local profile = { name = "Linux" }

-- Offset of a member by the first of its names that this kernel has: "task_struct:__state", ...
local function field(...)
  local why
  for _, name in ipairs{...} do
    local offset, reason = orrery.member(name:match("(.*):(.*)"))
    if offset then return offset end
    why = why or reason
  end
  return nil, why
end

-- include/linux/sched.h: bits of __state and exit_state
local function state_name(state, exit)
  if exit & 32 ~= 0 then return "zombie" end
  if exit & 16 ~= 0 then return "dead" end
  if state == 0 then return "running" end
  if state & 0x402 == 0x402 then return "idle" end
  local names = { [1] = "sleeping", [2] = "disk", [4] = "stopped", [8] = "traced" }
  return names[state & 15] or "other"
end

-- The page tables, walked here: a CPU in user mode or firmware does not see the kernel, and with page-table isolation on x86
-- CR3 is then the user's, 4 KiB behind the kernel's (arch/x86/entry/calling.h).
local function x86_walk(cpu, va) -- Intel SDM 3, 4.5
  local at = orrery.reg("cr3", cpu) & 0x000fffffffffe000
  for shift = 39, 12, -9 do
    local entry = orrery.phys.u64(at + (va >> shift & 511) * 8)
    if not entry or entry & 1 == 0 then return nil end
    at = entry & 0x000ffffffffff000
    if shift == 12 or (shift < 39 and entry & 0x80 ~= 0) then
      local below = (1 << shift) - 1
      return (at & ~below) | (va & below)
    end
  end
end

local function riscv_walk(cpu, va) -- Privileged, 12.3.2
  local satp = orrery.reg("satp", cpu)
  local levels, at = (satp >> 60) - 5, (satp & 0xfffffffffff) << 12
  if levels < 3 then return nil end
  for shift = 12 + 9 * (levels - 1), 12, -9 do
    local entry = orrery.phys.u64(at + (va >> shift & 511) * 8)
    if not entry or entry & 1 == 0 then return nil end
    at = (entry >> 10 & 0xfffffffffff) << 12
    if entry & 0xe ~= 0 then
      local below = (1 << shift) - 1
      return (at & ~below) | (va & below)
    end
  end
end

function profile.attach()
  local isa = orrery.cpus()[1].isa
  local x86, riscv = isa == "x86_64" or isa == "x86-64", isa == "riscv64"
  if not (x86 or riscv) then return nil, "Linux is known on x86-64 and RISC-V (64 bits), not on " .. isa end
  local init = orrery.symbol("init_task")
  local f, missing = {}, nil
  local function need(key, ...)
    local why
    f[key], why = field(...)
    missing = missing or why
  end
  local function may(key, ...) f[key] = field(...) end
  if not init then return nil, "there is no symbol init_task: no kernel's names are known (`symbols kernel` looks for them)" end
  need("tasks", "task_struct:tasks")
  need("pid", "task_struct:pid")
  need("tgid", "task_struct:tgid")
  need("comm", "task_struct:comm")
  need("state", "task_struct:__state", "task_struct:state")
  need("exit", "task_struct:exit_state")
  need("mm", "task_struct:mm")
  need("pgd", "mm_struct:pgd")
  need("stack", "task_struct:stack")
  need("signal", "task_struct:signal")
  need("head", "signal_struct:thread_head")
  need("node", "task_struct:thread_node")
  if missing then return nil, missing end
  may("cpu", "task_struct:thread_info.cpu", "task_struct:cpu")
  may("on_cpu", "task_struct:on_cpu")
  may("module_list", "module:list")
  may("module_name", "module:name")
  may("module_base", "module:mem[0].base", "module:core_layout.base", "module:module_core")
  may("module_size", "module:mem[0].size", "module:core_layout.size", "module:core_size")
  local percpu, current_offset
  if x86 then
    percpu = orrery.symbol("__per_cpu_offset")
    current_offset = orrery.symbol("pcpu_hot") or orrery.symbol("current_task")
    if orrery.symbol("pcpu_hot") then current_offset = current_offset + (field("pcpu_hot:current_task") or 0) end
    if not percpu or not current_offset then return nil, "there is no per-CPU variable current_task" end
  end

  local walk = x86 and x86_walk or riscv_walk
  local function physical(va) return walk(orrery.cpu(), va) end
  -- Reads of kernel memory from any mode.
  local function number(kind, va)
    local v = orrery[kind](va)
    if v then return v end
    local pa = physical(va)
    return pa and orrery.phys[kind](pa)
  end
  local function text(va, max)
    local s = orrery.string(va, max)
    if s then return s end
    local pa = physical(va)
    return pa and orrery.phys.string(pa, max)
  end
  local function is_kernel(p) return p and p < 0 and p & 7 == 0 end -- the upper half

  local function task(p)
    local mm = number("u64", p + f.mm)
    local pgd = is_kernel(mm) and number("u64", mm + f.pgd)
    return {
      object = p, pid = number("i32", p + f.pid), name = text(p + f.comm, 16) or "",
      state = state_name(number("u32", p + f.state) or 0, number("u32", p + f.exit) or 0),
      root = is_kernel(pgd) and physical(pgd) or nil, stack = number("u64", p + f.stack),
      cpu = f.cpu and number("u32", p + f.cpu),
    }
  end

  local os = {}

  function os.current(cpu)
    local p
    if x86 then
      local base = number("u64", percpu + 8 * cpu)
      p = base and number("u64", base + current_offset)
    else
      -- sscratch is 0 in the kernel, where tp is current; in user mode it is current (arch/riscv/kernel/entry.S).
      p = orrery.reg("sscratch", cpu)
      if p == 0 then p = orrery.reg("tp", cpu) end
    end
    if not is_kernel(p) then return nil end
    local t = task(p)
    return t.pid and t
  end

  -- Elements of a circular list of struct list_head, at most `max`.
  local function list(head, offset, max)
    local all, at = {}, number("u64", head)
    while is_kernel(at) and at ~= head and #all < max do
      all[#all + 1] = at - offset
      at = number("u64", at)
    end
    return all
  end

  function os.tasks()
    local all = {}
    for i = 0, #orrery.cpus() - 1 do -- the idle tasks are in no list
      local now = os.current(i)
      if now and now.pid == 0 and now.object ~= init then all[#all + 1] = now end
    end
    table.insert(all, 1, task(init))
    for _, leader in ipairs(list(init + f.tasks, f.tasks, 20000)) do
      all[#all + 1] = task(leader)
      local signal = number("u64", leader + f.signal)
      for _, thread in ipairs(is_kernel(signal) and list(signal + f.head, f.node, 5000) or {}) do
        if thread ~= leader then all[#all + 1] = task(thread) end
      end
    end
    return all
  end

  function os.modules()
    local head = orrery.symbol("modules")
    if not (head and f.module_list and f.module_name and f.module_base) then error("this kernel has no modules", 0) end
    local all = {}
    for _, m in ipairs(list(head, f.module_list, 5000)) do
      all[#all + 1] = { name = text(m + f.module_name, 56), base = number("u64", m + f.module_base),
                        size = number("u32", m + f.module_size) }
    end
    return all
  end

  return os
end

return profile
