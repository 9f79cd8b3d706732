/* Forgets the words of sem_int.def that differ by XLEN and are beyond C's operators, for another reading. */
#undef MULH
#undef MULHSU
#undef MULHU
#undef DIV
#undef DIVU
#undef REM
#undef REMU
#undef CLZ
#undef CTZ
#undef CPOP
#undef ROL
#undef ROR
#undef REV8
#undef ORC_B
#undef CLMUL
#undef CLMULH
#undef CLMULR
