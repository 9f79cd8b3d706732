/* binary64: see instance.h. */
#include "cpu/softfloat/instance.h"

SF_DEFINE(f64, SF_F64)
SF_DEFINE_CONVERT(f64, SF_F64, f16, SF_F16)
SF_DEFINE_CONVERT(f64, SF_F64, f32, SF_F32)
