import Formats

/// Where the windows of TUMBLE, HOP and CUMULATE lie; all times in microseconds.
///
/// Windows are runs of panes: the panes of HOP are as long as the greatest common divisor of slide
/// and size, those of CUMULATE a step, and TUMBLE's window is one pane.
struct WindowGeometry {
    /// From one window's end to the next one's.
    let slide: Int64
    let size: Int64
    let offset: Int64
    let pane: Int64
    /// CUMULATE: windows of one start end a step apart.
    let isCumulative: Bool

    /// nil: SESSION, whose windows depend on the rows.
    init?(_ kind: WindowAssignment.Kind) {
        switch kind {
        case .tumble(let size, let offset):
            (slide, self.size, self.offset, pane, isCumulative) = (size, size, offset, size, false)
        case .hop(let slide, let size, let offset):
            var (a, b) = (slide, size)
            while b != 0 { (a, b) = (b, a % b) }
            (self.slide, self.size, self.offset, pane, isCumulative) =
                (slide, size, offset, a, false)
        case .cumulate(let step, let size, let offset):
            (slide, self.size, self.offset, pane, isCumulative) = (step, size, offset, step, true)
        case .session: return nil
        }
    }

    /// Each row lies in exactly one window.
    var isTumbling: Bool { slide == size }

    /// The greatest multiple of `unit` behind the offset that is not above `time`.
    @inline(__always)
    private func floor(_ time: Int64, _ unit: Int64) -> Int64 {
        let rest = (time &- offset) % unit
        return time &- (rest < 0 ? rest &+ unit : rest)
    }

    @inline(__always)
    func paneStart(_ time: Int64) -> Int64 { floor(time, pane) }

    /// The end of the first window that holds `time` and ends behind `watermark`; nil: none does.
    func firstEnd(_ time: Int64, after watermark: Int64) -> Int64? {
        let first =
            isCumulative ? floor(time, slide) + slide : floor(time - size, slide) + slide + size
        guard first <= watermark else { return first <= lastEnd(time) ? first : nil }
        if watermark >= lastEnd(time) { return nil }
        let phase = isCumulative ? offset : offset + size
        let rest = (watermark - phase) % slide
        let next = watermark - (rest < 0 ? rest + slide : rest) + slide
        return next <= lastEnd(time) ? next : nil
    }

    /// The end of the last window that holds `time`; below `time` where none does (a slide that is
    /// longer than the size).
    func lastEnd(_ time: Int64) -> Int64 {
        isCumulative ? floor(time, size) + size : floor(time, slide) + size
    }

    /// The start of the window that ends at `end`.
    func start(_ end: Int64) -> Int64 { isCumulative ? floor(end - 1, size) : end - size }

    /// The least start of a window that ends behind `watermark`, or that holds a time from it on.
    func leastStart(_ watermark: Int64) -> Int64 {
        isCumulative ? floor(watermark, size) : floor(watermark - size, slide) + slide
    }

    /// Times that are no time: infinities, and what windows around it would lie beyond the range.
    func canHold(_ time: Int64) -> Bool {
        time.magnitude < UInt64(Int64.max) - 4 * UInt64(size.magnitude + slide.magnitude)
            - UInt64(offset.magnitude)
    }
}

/// window_time lies so much before window_end.
let windowTimeGap: Int64 = 1000

extension Column {
    /// A time column in microseconds, whatever its unit; nulls stay.
    var microseconds: Column {
        guard type == .date else { return self }
        let elements = isConstant ? 1 : count
        let times = Buffer<Int64>(capacity: elements)
        let days = unsafe integers
        for index in 0..<elements {
            let day = unsafe days[index]
            let (time, overflow) = day.multipliedReportingOverflow(by: 86_400_000_000)
            times[index] = overflow ? day : time
        }
        return Column(
            .timestamp, count: count, .integer(times), validity: validity, isConstant: isConstant)
    }
}
