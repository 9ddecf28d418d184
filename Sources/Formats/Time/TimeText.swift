/// Dates, times and intervals from text: ISO 8601 quickly, all else that PostgreSQL takes after it.
public enum TimeText {
    /// The dates that exist: from 4714-11-24 BC to 5874897-12-31.
    public static let firstDay: Int64 = -2_440_588
    public static let lastDay: Int64 = 2_145_042_905

    public static func parseDate(
        _ text: UnsafeRawBufferPointer, _ settings: TextSettings
    ) throws(SQLError) -> Int64 {
        if let iso = unsafe ISOTime(text), !iso.hasTime { return iso.days }
        let decoder = unsafe try decode(text, "date", settings)
        switch decoder.special {
        case .infinity: return .max
        case .negativeInfinity: return .min
        case .epoch: return 0
        case nil: break
        }
        let days = Int64(decoder.days)
        guard days >= firstDay, days <= lastDay else { throw unsafe outOfRange("date", text) }
        return days
    }

    public static func parseTime(
        _ text: UnsafeRawBufferPointer, _ settings: TextSettings
    ) throws(SQLError) -> Int64 {
        let decoder = unsafe try decode(text, "time", settings, isTimeOnly: true)
        return decoder.microsecondsOfDay
    }

    public static func parseTimestamp(
        _ text: UnsafeRawBufferPointer, _ settings: TextSettings
    ) throws(SQLError) -> Int64 {
        if let iso = unsafe ISOTime(text), !iso.isRounded { return iso.local }
        let decoder = unsafe try decode(text, "timestamp", settings)
        if let special = moment(decoder.special) { return special }
        return unsafe try moment(decoder, "timestamp", text)
    }

    public static func parseTimestamptz(
        _ text: UnsafeRawBufferPointer, _ settings: TextSettings
    ) throws(SQLError) -> Int64 {
        if let iso = unsafe ISOTime(text), !iso.isRounded {
            if iso.offset != nil { return iso.utc }
            return TimeZoneCursor(settings.timeZone).moment(local: iso.local)
        }
        let decoder = unsafe try decode(text, "timestamp with time zone", settings)
        if let special = moment(decoder.special) { return special }
        let local = unsafe try moment(decoder, "timestamp", text)
        if let offset = decoder.offset {
            return unsafe try checked(local &- Int64(offset) * 1_000_000, "timestamp", text)
        }
        let zone = decoder.zone ?? settings.timeZone
        return unsafe try checked(TimeZoneCursor(zone).moment(local: local), "timestamp", text)
    }

    public static func parseInterval(
        _ text: UnsafeRawBufferPointer
    ) throws(SQLError) -> Interval {
        do throws(TimeFault) {
            return unsafe try IntervalDecoder.decode(text)
        } catch {
            throw unsafe TimeText.error(error, "interval", text)
        }
    }

    private static func decode(
        _ text: UnsafeRawBufferPointer, _ type: String, _ settings: TextSettings,
        isTimeOnly: Bool = false
    ) throws(SQLError) -> TimeDecoder {
        guard let tokens = unsafe TimeToken.split(text) else {
            throw unsafe .invalidTime(type, text)
        }
        var decoder = TimeDecoder(tokens, settings, isTimeOnly: isTimeOnly)
        do throws(TimeFault) {
            try decoder.decode()
        } catch {
            throw unsafe TimeText.error(error, type, text)
        }
        return decoder
    }

    private static func moment(_ special: TimeDecoder.Special?) -> Int64? {
        switch special {
        case .infinity: .max
        case .negativeInfinity: .min
        case .epoch: 0
        case nil: nil
        }
    }

    private static func moment(
        _ decoder: TimeDecoder, _ type: String, _ text: UnsafeRawBufferPointer
    ) throws(SQLError) -> Int64 {
        let days = Int64(decoder.days)
        guard days >= firstDay, days < 106_751_991 else { throw unsafe outOfRange(type, text) }
        return unsafe try checked(days * 86_400_000_000 + decoder.microsecondsOfDay, type, text)
    }

    private static func checked(
        _ value: Int64, _ type: String, _ text: UnsafeRawBufferPointer
    ) throws(SQLError) -> Int64 {
        guard isMoment(value) else { throw unsafe outOfRange(type, text) }
        return value
    }

    /// True if a timestamp can hold the value, infinities aside: from 4714-11-24 BC to
    /// 294247-01-10, where 64 bits end (PostgreSQL, which counts from 2000, holds 30 years more).
    @inlinable
    public static func isMoment(_ value: Int64) -> Bool {
        value >= -210_866_803_200_000_000 && value < .max
    }

    private static func outOfRange(_ type: String, _ text: UnsafeRawBufferPointer) -> SQLError {
        SQLError(
            unsafe "\(type) out of range: \"\(String(decoding: text, as: UTF8.self))\"",
            .datetimeFieldOverflow)
    }

    private static func error(
        _ fault: TimeFault, _ type: String, _ text: UnsafeRawBufferPointer
    ) -> SQLError {
        let shown = unsafe String(decoding: text, as: UTF8.self)
        switch fault {
        case .format: return unsafe .invalidTime(type, text)
        case .field:
            if type == "interval" {
                return SQLError(
                    "interval field value out of range: \"\(shown)\"", .intervalFieldOverflow)
            }
            return SQLError(
                "date/time field value out of range: \"\(shown)\"", .datetimeFieldOverflow)
        case .monthOrDay:
            return SQLError(
                "date/time field value out of range: \"\(shown)\"", .datetimeFieldOverflow,
                hint: "Perhaps you need a different \"datestyle\" setting.")
        case .displacement:
            return SQLError(
                "time zone displacement out of range: \"\(shown)\"", .invalidTimeZone)
        case .interval: return SQLError("interval out of range", .datetimeFieldOverflow)
        case .unknownZone(let name):
            return SQLError("time zone \"\(name)\" not recognized", .invalidParameterValue)
        }
    }
}

extension SQLError {
    fileprivate static func invalidTime(
        _ type: String, _ text: UnsafeRawBufferPointer
    ) -> SQLError {
        let shown = unsafe String(decoding: text, as: UTF8.self)
        return SQLError(
            "invalid input syntax for type \(type): \"\(shown)\"", .invalidDatetimeFormat)
    }
}
