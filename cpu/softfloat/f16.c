/* binary16: see instance.h. */
#include "cpu/softfloat/instance.h"

SF_DEFINE(f16, SF_F16)
SF_DEFINE_CONVERT(f16, SF_F16, f32, SF_F32)
SF_DEFINE_CONVERT(f16, SF_F16, f64, SF_F64)
