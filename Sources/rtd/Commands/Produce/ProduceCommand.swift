import Platform

/// `rtd produce`.
enum ProduceCommand {
    static func run(_ options: ProduceOptions) -> Int32 {
        StandardError.write(line: "rtd: produce: not built yet")
        return 2
    }
}
