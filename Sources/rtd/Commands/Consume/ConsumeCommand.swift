import Platform

/// `rtd consume`.
enum ConsumeCommand {
    static func run(_ options: ConsumeOptions) -> Int32 {
        StandardError.write(line: "rtd: consume: not built yet")
        return 2
    }
}
