import Formats

/// All functions and operators of dates, times and intervals, for `FunctionRegistry`.
enum TimeFunctions {
    static let timeFunctions: [ScalarFunction] =
        TimeExtract.functions + TimeTruncation.functions + TimeArithmetic.functions
        + IntervalKernels.functions + TimeMaking.functions + TimeOverlaps.functions
        + TimeFormatFunctions.functions + NumberFormatFunctions.functions
}
