/* binary32: see instance.h. */
#include "cpu/softfloat/instance.h"

SF_DEFINE(f32, SF_F32)
SF_DEFINE_CONVERT(f32, SF_F32, f16, SF_F16)
SF_DEFINE_CONVERT(f32, SF_F32, f64, SF_F64)
