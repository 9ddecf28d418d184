/// The limits of this target, in one place.
public enum Limits {
    /// Groups that one coordinator keeps, and members over all of them (waiting ones included).
    static let groupsMax = 100_000
    static let membersMax = 200_000
    /// Members of one group, and ids handed out in it that have not come back yet.
    static let membersPerGroupMax = 10_000
    static let pendingMembersPerGroupMax = 10_000
    /// Bytes of a group id, an instance id, a protocol type or a protocol name.
    static let groupNameBytesMax = 1_024
    /// Bytes of the client id that become the front of a member id.
    static let memberIDPrefixBytesMax = 255
    /// Protocols a member may offer.
    static let protocolsPerMemberMax = 64
    /// Bytes of all that the members of one group have said about themselves.
    static let groupMetadataBytesMax = 4 << 20
    /// The same over all groups, with the records of their generations.
    static let metadataBytesMax = 256 << 20
    /// Bytes of one group's record: a write under the partition's lock stays under 1 MiB.
    static let groupRecordBytesMax = 1_000_000
    /// Offsets of one group, and over all groups.
    static let offsetsPerGroupMax = 100_000
    static let offsetsMax = 4_000_000
    /// The most that `offset.metadata.max.bytes` may be: the record's string has a 16-bit length.
    static let offsetMetadataLengthMax = 10_000
    /// Bytes that are looked through at a time for a share group that reads committed records.
    static let committedShareBytes = 1 << 20
    /// Topics that a member of a consumer or share group may name, and bytes of its pattern.
    static let topicsPerMemberMax = 10_000
    static let patternBytesMax = 10_000
    /// Deadlines of members that are gone are swept once they outnumber the living by this.
    static let staleDeadlinesMax = 1_024
}
