// The functions of libm that PostgreSQL's double precision functions are defined by, and Swift's
// standard library lacks.
#include "CSystem.h"
#include <math.h>

double rtd_math(enum rtd_math_function function, double x) {
    switch (function) {
    case RTD_EXP: return exp(x);
    case RTD_LN: return log(x);
    case RTD_LOG10: return log10(x);
    case RTD_CBRT: return cbrt(x);
    case RTD_SIN: return sin(x);
    case RTD_COS: return cos(x);
    case RTD_TAN: return tan(x);
    case RTD_ASIN: return asin(x);
    case RTD_ACOS: return acos(x);
    case RTD_ATAN: return atan(x);
    case RTD_SINH: return sinh(x);
    case RTD_COSH: return cosh(x);
    case RTD_TANH: return tanh(x);
    case RTD_ASINH: return asinh(x);
    case RTD_ACOSH: return acosh(x);
    case RTD_ATANH: return atanh(x);
    }
    return x;
}

double rtd_power(double x, double y) { return pow(x, y); }

double rtd_atan2(double y, double x) { return atan2(y, x); }
