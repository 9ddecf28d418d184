/// Where the records of a batch are in the inputs; filled on the reader's thread.
///
/// Records that follow each other there are one run, so that lines in order cost a comparison each.
struct BatchPlaces: Sendable {
    private struct Run {
        /// Of its first record in the batch.
        let index: Int
        let place: RecordPlace
        let input: Int
    }

    private var runs: [Run] = []
    private var count = 0
    /// The place that goes on the last run.
    private var next = -1
    private var lastInput = -1

    /// Notes the place of the next record; `input` is the number of its input.
    @inline(__always)
    mutating func add(_ place: RecordPlace, of input: Int) {
        if place.number != next || input != lastInput { begin(place, input) }
        next = place.number &+ 1
        count &+= 1
    }

    @inline(never)
    private mutating func begin(_ place: RecordPlace, _ input: Int) {
        runs.append(Run(index: count, place: place, input: input))
        lastInput = input
    }

    /// Where a record of the batch is.
    subscript(index: Int) -> (input: Int, place: RecordPlace)? {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].index <= index { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let run = runs[low - 1]
        return (run.input, run.place.at(run.place.number + index - run.index))
    }
}
