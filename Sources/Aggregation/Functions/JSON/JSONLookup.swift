import Formats

/// Finds parts of JSON texts without taking them apart. The texts are well formed.
enum JSONLookup {
    /// The value of a member; of members of one name the last. nil: no object, or no such member.
    static func member(
        _ json: UnsafeRawBufferPointer, _ name: StringView, isNormal: Bool
    ) -> Range<Int>? {
        var found: Range<Int>?
        let span = unsafe RawSpan(_unsafeBytes: json)
        var cursor = JSONCursor(span)
        do throws(FormatError) {
            guard try cursor.kind() == .object else { return nil }
            try cursor.enterObject()
            while let member = try cursor.nextMember() {
                let isIt = unsafe matches(member, json, span, name)
                let value = try cursor.skip()
                guard isIt else { continue }
                found = value
                if isNormal { return value }
            }
        } catch {
            return nil
        }
        return found
    }

    private static func matches(
        _ member: JSONString, _ json: UnsafeRawBufferPointer, _ span: RawSpan, _ name: StringView
    ) -> Bool {
        if member.hasEscapes { return member.text(in: span) == name.string }
        guard member.content.count == name.count else { return false }
        return unsafe name.withBytes { bytes in
            unsafe equalBytes(bytes, UnsafeRawBufferPointer(rebasing: json[member.content]))
        }
    }

    /// The element at an index, from the end if it is negative. nil: no array, or no such element.
    static func element(_ json: UnsafeRawBufferPointer, _ index: Int64) -> Range<Int>? {
        var wanted = index
        if index < 0 {
            guard let count = unsafe count(json), index >= -Int64(count) else { return nil }
            wanted = Int64(count) + index
        }
        let span = unsafe RawSpan(_unsafeBytes: json)
        var cursor = JSONCursor(span)
        do throws(FormatError) {
            guard try cursor.kind() == .array else { return nil }
            try cursor.enterArray()
            while try cursor.nextElement() {
                let value = try cursor.skip()
                if wanted == 0 { return value }
                wanted -= 1
            }
        } catch {
            return nil
        }
        return nil
    }

    /// Of a text in jsonb's form.
    static func isScalar(_ json: UnsafeRawBufferPointer) -> Bool {
        guard let first = unsafe json.first else { return false }
        return first != UInt8(ascii: "[") && first != UInt8(ascii: "{")
    }

    /// Elements of an array; nil if it is none.
    static func count(_ json: UnsafeRawBufferPointer) -> Int? {
        let span = unsafe RawSpan(_unsafeBytes: json)
        var cursor = JSONCursor(span)
        var count = 0
        do throws(FormatError) {
            guard try cursor.kind() == .array else { return nil }
            try cursor.enterArray()
            while try cursor.nextElement() {
                _ = try cursor.skip()
                count += 1
            }
        } catch {
            return nil
        }
        return count
    }

    static func kind(_ json: UnsafeRawBufferPointer) -> JSONKind? {
        let span = unsafe RawSpan(_unsafeBytes: json)
        var cursor = JSONCursor(span)
        return try? cursor.kind()
    }

    /// What lies at the end of a path of names and indexes.
    static func path(
        _ json: UnsafeRawBufferPointer, _ path: [String], isNormal: Bool
    ) -> Range<Int>? {
        var range: Range<Int>? = 0..<json.count
        for step in path {
            guard let outer = range else { return nil }
            let part = unsafe UnsafeRawBufferPointer(rebasing: json[outer])
            switch unsafe kind(part) {
            case .object?:
                var step = step
                range = step.withUTF8 { utf8 in
                    guard let base = utf8.baseAddress else {
                        return unsafe member(part, StringView(), isNormal: isNormal)
                    }
                    let name = unsafe StringView(base, count: utf8.count)
                    return unsafe member(part, name, isNormal: isNormal)
                }
            case .array?:
                guard let index = Int64(step) else { return nil }
                range = unsafe element(part, index)
            default: return nil
            }
            range = range.map {
                $0.lowerBound + outer.lowerBound..<$0.upperBound + outer.lowerBound
            }
        }
        guard let found = range, path.isEmpty else { return range }
        return found
    }

    /// Appends a part as text: of a string what it says, of null nothing.
    static func appendText(
        _ json: UnsafeRawBufferPointer, _ range: Range<Int>, _ builder: ColumnBuilder
    ) {
        let part = unsafe UnsafeRawBufferPointer(rebasing: json[range])
        switch unsafe kind(part) {
        case .null?: builder.appendNull()
        case .string?:
            let span = unsafe RawSpan(_unsafeBytes: part)
            var cursor = JSONCursor(span)
            guard let string = try? cursor.string() else { return builder.appendNull() }
            if string.hasEscapes {
                builder.append(text: string.text(in: span))
            } else {
                let content = unsafe UnsafeRawBufferPointer(rebasing: part[string.content])
                unsafe builder.append(bytes: content)
            }
        default: unsafe builder.append(bytes: part)
        }
    }

    /// Calls `body` with the place of each element; false if there is no array.
    static func forEachElement(
        _ json: UnsafeRawBufferPointer, _ body: (Range<Int>) -> Void
    ) -> Bool {
        let span = unsafe RawSpan(_unsafeBytes: json)
        var cursor = JSONCursor(span)
        do throws(FormatError) {
            guard try cursor.kind() == .array else { return false }
            try cursor.enterArray()
            while try cursor.nextElement() { body(try cursor.skip()) }
            return true
        } catch {
            return false
        }
    }

    /// Calls `body` with the name and the place of each member; false if there is no object.
    static func forEachMember(
        _ json: UnsafeRawBufferPointer, _ body: (String, Range<Int>) -> Void
    ) -> Bool {
        let span = unsafe RawSpan(_unsafeBytes: json)
        var cursor = JSONCursor(span)
        do throws(FormatError) {
            guard try cursor.kind() == .object else { return false }
            try cursor.enterObject()
            while let name = try cursor.nextMember() {
                let text = name.text(in: span)
                body(text, try cursor.skip())
            }
            return true
        } catch {
            return false
        }
    }
}
