import ArgumentParsing
import Platform

// The group: `-g`, or `group.id` of the properties, which a configuration file may have brought.
extension ConsumeOptions {
    /// Checks what goes with a group, as far as that is known before files of properties are read.
    func checkGroup() throws(UsageError) {
        let mayBeNamed =
            !connection.propertyFiles.isEmpty
            || connection.properties.contains { $0.name == "group.id" }
            || ProcessEnvironment.value("RTD_CONFIG")?.isEmpty == false
        try checkGroup(isNamed: group != nil || (takesGroupOfProperties && mayBeNamed))
    }

    /// With the group of `group.id`, which counts as `-g` does in Kafka's own console consumer.
    ///
    /// Not for who says where to read: `-p` and `-o` tell what is wanted now, and a name in a file
    /// must not turn that into reading on, or commit it. kcat has it so too.
    func joined(_ properties: ClientProperties) throws(UsageError) -> ConsumeOptions {
        var options = self
        if takesGroupOfProperties { options.group = group ?? properties.group }
        if options.group != nil {
            options.groupProtocol = groupProtocol ?? properties.groupProtocol
        }
        try options.checkGroup(isNamed: options.group != nil)
        return options
    }

    private var takesGroupOfProperties: Bool {
        if groupProtocol != nil || command != nil { return partitions.isEmpty }
        let saysWhere = (offset.start != nil && offset.start != .stored) || offset.end != nil
        return partitions.isEmpty && !saysWhere
    }

    private func checkGroup(isNamed: Bool) throws(UsageError) {
        let isShare = groupProtocol == .share
        if offset.start == .stored, !isNamed {
            throw UsageError("-o stored needs the group whose offsets are stored: -g GROUP")
        }
        if groupProtocol != nil, !isNamed {
            throw UsageError("--protocol needs the group that is shared by it: -g GROUP")
        }
        if command != nil, !isNamed {
            throw UsageError("--exec needs the group whose offsets it commits: -g GROUP")
        }
        if isShare, offset.end != nil {
            throw UsageError("a share group has no end to read up to; -c COUNT or -e ends it")
        }
        if isShare, isolation != nil {
            throw UsageError(
                "--isolation is not for a share group, whose own share.isolation.level says which"
                    + " records it gets")
        }
        if isShare, explains {
            throw UsageError("--explain tells offsets, which a share group has none of")
        }
        if isShare, command != nil {
            throw UsageError("--exec commits offsets, which a share group has none of")
        }
    }
}
