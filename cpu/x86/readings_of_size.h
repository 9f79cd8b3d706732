#define FORM FORM_R
#include "cpu/x86/interp.h"
#include TEXTS
#undef FORM
#define FORM FORM_RS
#include "cpu/x86/interp.h"
#include TEXTS
#undef FORM
#define FORM FORM_XR
#include "cpu/x86/interp.h"
#include TEXTS
#undef FORM
#define FORM FORM_M
#include "cpu/x86/interp.h"
#include TEXTS
#undef FORM
#define FORM FORM_MS
#include "cpu/x86/interp.h"
#include TEXTS
#undef FORM
#define FORM FORM_XM
#include "cpu/x86/interp.h"
#include TEXTS
#undef FORM
