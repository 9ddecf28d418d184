import CSystem

/// The functions of the C library's mathematics, for targets that do not call it themselves. Angles
/// are in radians; what is outside of a function's domain gives NaN.
public enum MathLibrary {
    public static func cubeRoot(_ x: Double) -> Double { rtd_math(RTD_CBRT, x) }
    public static func exponential(_ x: Double) -> Double { rtd_math(RTD_EXP, x) }
    public static func naturalLogarithm(_ x: Double) -> Double { rtd_math(RTD_LN, x) }
    public static func decimalLogarithm(_ x: Double) -> Double { rtd_math(RTD_LOG10, x) }
    public static func sine(_ x: Double) -> Double { rtd_math(RTD_SIN, x) }
    public static func cosine(_ x: Double) -> Double { rtd_math(RTD_COS, x) }
    public static func tangent(_ x: Double) -> Double { rtd_math(RTD_TAN, x) }
    public static func arcSine(_ x: Double) -> Double { rtd_math(RTD_ASIN, x) }
    public static func arcCosine(_ x: Double) -> Double { rtd_math(RTD_ACOS, x) }
    public static func arcTangent(_ x: Double) -> Double { rtd_math(RTD_ATAN, x) }
    public static func arcTangent(_ y: Double, _ x: Double) -> Double { rtd_atan2(y, x) }
    public static func hyperbolicSine(_ x: Double) -> Double { rtd_math(RTD_SINH, x) }
    public static func hyperbolicCosine(_ x: Double) -> Double { rtd_math(RTD_COSH, x) }
    public static func hyperbolicTangent(_ x: Double) -> Double { rtd_math(RTD_TANH, x) }
    public static func areaSine(_ x: Double) -> Double { rtd_math(RTD_ASINH, x) }
    public static func areaCosine(_ x: Double) -> Double { rtd_math(RTD_ACOSH, x) }
    public static func areaTangent(_ x: Double) -> Double { rtd_math(RTD_ATANH, x) }
    public static func power(_ x: Double, _ y: Double) -> Double { rtd_power(x, y) }
}
