import Platform

/// Collects the results of several callbacks in the order of their places, then hands them over.
final class Gather<Item: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private var items: [Item?]
    private var left: Int
    private let done: @Sendable ([Item]) -> Void

    /// With a count of 0 `done` is called at once.
    init(_ count: Int, done: @escaping @Sendable ([Item]) -> Void) {
        items = [Item?](repeating: nil, count: count)
        left = count
        self.done = done
        if count == 0 { done([]) }
    }

    /// Puts an item in its place, once; from any thread.
    func put(_ item: Item, at place: Int) {
        let all = lock.withLock { () -> [Item]? in
            if items[place] == nil { left -= 1 }
            items[place] = item
            return left == 0 ? items.compactMap { $0 } : nil
        }
        if let all { done(all) }
    }
}
