import Formats

/// Widens a field of envelopes, whose `before` and `after` have the same columns.
public enum EnvelopeWidening {
    /// A column that one of the two shows otherwise is that for both: what the other has shown so
    /// far would make it what it was, and the input would be read again for ever.
    public static func widen(_ fields: inout [Field], _ index: Int, to type: DataType) {
        let before = fields[index]
        fields[index].type = type
        if before.name == "payload", case .record(var members) = type,
            case .record(let known) = before.type
        {
            for place in known.indices
            where place < members.count && members[place].type != known[place].type {
                let widened = members[place]
                share(widened, among: &members)
            }
            fields[index].type = .record(members)
        } else {
            share(fields[index], among: &fields)
        }
        SampledSchema.completeEnvelope(&fields)
    }

    private static func share(_ row: Field, among members: inout [Field]) {
        guard ["before", "after"].contains(row.name), case .record = row.type else { return }
        for place in members.indices where ["before", "after"].contains(members[place].name) {
            members[place].type = row.type
        }
    }
}
