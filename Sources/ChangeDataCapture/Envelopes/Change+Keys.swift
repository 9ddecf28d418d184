import Bytes

extension Change {
    /// It was made by `halves` and creates the row under its new key.
    var isSecondHalf: Bool { kind == .insert && before != nil }

    /// True for an update that gave the row another key.
    public func movesKey(in bytes: RawSpan) -> Bool {
        guard kind == .update, let table, let before, let after else { return false }
        return table.key.contains { index in
            RowWriter.differs(
                TupleCursor.field(index, of: before, in: bytes),
                TupleCursor.field(index, of: after, in: bytes), in: bytes)
        }
    }

    /// An update that moves the key as a delete and an insert, as Debezium and every keyed topic
    /// want it. nil for any other change, and for one whose new row lacks values that the stream
    /// does not carry: an insert would lose them, while the update leaves them where they are.
    public func halves(of bytes: RawSpan) -> (old: Change, new: Change)? {
        guard before != nil, movesKey(in: bytes), !beforeIsKey || isComplete(in: bytes) else {
            return nil
        }
        var (old, new) = (self, self)
        old.kind = .delete
        old.after = nil
        new.kind = .insert
        return (old, new)
    }

    private func isComplete(in bytes: RawSpan) -> Bool {
        guard let after else { return true }
        var cursor = TupleCursor(bytes, after)
        for _ in 0..<cursor.count {
            if case .unchanged = cursor.next() { return false }
        }
        return true
    }
}
