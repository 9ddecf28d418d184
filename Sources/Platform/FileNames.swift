/// The names in a file system that is kept in memory: of files, each with what it holds, and of
/// directories. Its owner guards it.
struct FileNames<Node> {
    var files: [String: Node] = [:]
    var directories: Set<String> = []

    func node(_ path: String, _ verb: String) throws(SystemError) -> Node {
        guard let node = files[path] else { throw Self.notFound(path, verb) }
        return node
    }

    func checkIsFree(_ path: String) throws(SystemError) {
        guard files[path] == nil else {
            throw SystemError(code: SystemError.existsCode, operation: "create", subject: path)
        }
    }

    /// Removes a name and gives what it was of.
    mutating func take(_ path: String, _ verb: String) throws(SystemError) -> Node {
        guard let node = files.removeValue(forKey: path) else { throw Self.notFound(path, verb) }
        return node
    }

    private static func notFound(_ path: String, _ verb: String) -> SystemError {
        SystemError(code: SystemError.notFoundCode, operation: verb, subject: path)
    }

    /// The last components of what lies directly below `path`, sorted.
    func list(_ path: String) -> [String] {
        let prefix = path + "/"
        let all = Array(files.keys) + Array(directories)
        return all.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
            .map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    func exists(_ path: String) -> Bool { files[path] != nil || directories.contains(path) }
}
