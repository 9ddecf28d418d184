/// Where in the input a record begins, counted from 1.
enum RecordPlace: Sendable, Equatable {
    /// In input that is made of lines.
    case line(Int)
    /// In input that is framed otherwise.
    case record(Int)
}

extension RecordPlace {
    var number: Int {
        switch self {
        case .line(let number), .record(let number): number
        }
    }

    /// The same kind of place with another number.
    func at(_ number: Int) -> RecordPlace {
        switch self {
        case .line: .line(number)
        case .record: .record(number)
        }
    }
}

extension RecordPlace: CustomStringConvertible {
    var description: String {
        switch self {
        case .line(let number): "line \(number)"
        case .record(let number): "record \(number)"
        }
    }
}

/// Why text does not become records, or records do not become text.
///
/// A command puts the name of the input before the description ("stdin line 2: invalid JSON:
/// "oops"").
enum RecordTextError: Error, Equatable, Sendable {
    case invalid(RecordPlace, reason: String)
    case tooLong(RecordPlace, limit: Int)
    /// The input ends inside a record.
    case cutOff(RecordPlace)
    /// A template, path or other option that means nothing; the text is for the person who typed
    /// it.
    case usage(String)
    /// A batch whose records do not follow their format.
    case malformedBatch(baseOffset: Int64)
}

extension RecordTextError: CustomStringConvertible {
    var description: String {
        switch self {
        case .invalid(let place, let reason): "\(place): \(reason)"
        case .tooLong(let place, let limit): "\(place) is longer than \(limit) bytes (--max-line)"
        case .cutOff(let place): "\(place): the input ends inside it"
        case .usage(let text): text
        case .malformedBatch(let offset): "the batch at offset \(offset) is malformed"
        }
    }
}
