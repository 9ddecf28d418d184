/// Optimal prefix code lengths, shortened to a maximum; for the DEFLATE and Zstandard encoders.
enum HuffmanLengths {
    /// The code length of each symbol, 0 for those that do not occur. With two or more symbols the
    /// code is complete (its Kraft sum is one); a lone symbol gets one bit.
    static func make(_ frequencies: [UInt32], bitsMax: Int) -> [UInt8] {
        var lengths = [UInt8](repeating: 0, count: frequencies.count)
        let symbols = frequencies.indices.filter { frequencies[$0] > 0 }
            .sorted { frequencies[$0] < frequencies[$1] }
        guard symbols.count > 1 else {
            for symbol in symbols { lengths[symbol] = 1 }
            return lengths
        }
        var counts = depthCounts(symbols.map { Int(frequencies[$0]) }, bitsMax)
        limit(&counts, bitsMax)
        // The rarest symbols take the longest codes.
        var depth = bitsMax
        for symbol in symbols {
            while counts[depth] == 0 { depth -= 1 }
            counts[depth] -= 1
            lengths[symbol] = UInt8(depth)
        }
        return lengths
    }

    /// How many leaves of the Huffman tree over these ascending weights lie at each depth; those
    /// deeper than `bitsMax` are counted there.
    private static func depthCounts(_ weights: [Int], _ bitsMax: Int) -> [Int] {
        let leaves = weights.count
        var weight = weights
        weight.reserveCapacity(2 * leaves - 1)
        var parent = [Int](repeating: 0, count: 2 * leaves - 1)
        var leaf = 0
        var inner = leaves
        // Both the leaves and the inner nodes come in ascending order: no heap is needed.
        func smallest() -> Int {
            if leaf < leaves && (inner >= weight.count || weight[leaf] <= weight[inner]) {
                leaf += 1
                return leaf - 1
            }
            inner += 1
            return inner - 1
        }
        while weight.count < 2 * leaves - 1 {
            let left = smallest()
            let right = smallest()
            parent[left] = weight.count
            parent[right] = weight.count
            weight.append(weight[left] + weight[right])
        }
        var depth = [Int](repeating: 0, count: 2 * leaves - 1)
        var counts = [Int](repeating: 0, count: bitsMax + 1)
        for node in (0..<2 * leaves - 2).reversed() {
            depth[node] = depth[parent[node]] + 1
            if node < leaves { counts[min(bitsMax, depth[node])] += 1 }
        }
        return counts
    }

    /// Lengthens codes until the Kraft sum, which cutting the depth pushed over one, is one again.
    private static func limit(_ counts: inout [Int], _ bitsMax: Int) {
        var sum = 0
        for depth in 1...bitsMax { sum += counts[depth] << (bitsMax - depth) }
        while sum > 1 << bitsMax {
            // A leaf of the deepest level and one above it become siblings one level further down.
            counts[bitsMax] -= 1
            var depth = bitsMax - 1
            while counts[depth] == 0 { depth -= 1 }
            counts[depth] -= 1
            counts[depth + 1] += 2
            sum -= 1
        }
    }
}
