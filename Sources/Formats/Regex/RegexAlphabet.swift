/// The classes of characters that a regular expression tells apart: characters that are in the same
/// of its sets are one class, so automata have a column for each of few classes. Classes are
/// numbered as they are met; number 0 stands for the edge of the text.
final class RegexAlphabet {
    /// What assertions ask of a character.
    enum Context {
        static let edge: UInt8 = 1
        static let newline: UInt8 = 2
        static let word: UInt8 = 4
    }

    let sets: [RegexSet]
    /// The class of each ASCII character.
    let ascii: Buffer<UInt16>
    private(set) var contexts: [UInt8] = [Context.edge]
    /// For each class, a bit for each set that has it.
    private(set) var members: [[UInt64]]
    private var numbers: [[UInt64]: Int] = [:]
    private var others: [UInt32: UInt16] = [:]

    init(_ sets: [RegexSet]) {
        self.sets = sets
        ascii = Buffer(repeating: 0, count: 128)
        members = [Array(repeating: 0, count: (sets.count + 63) / 64)]
        for scalar in 0..<128 { ascii[scalar] = UInt16(makeClass(of: UInt32(scalar))) }
    }

    var count: Int { contexts.count }

    func isMember(_ number: Int, of set: Int) -> Bool {
        members[number][set >> 6] >> UInt64(set & 63) & 1 != 0
    }

    /// The class of a character beyond ASCII.
    func number(of scalar: UInt32) -> Int {
        if let known = others[scalar] { return Int(known) }
        let number = makeClass(of: scalar)
        // A text in Chinese has some thousand different characters.
        if others.count >= 16_384 { others.removeAll() }
        others[scalar] = UInt16(number)
        return number
    }

    private func makeClass(of scalar: UInt32) -> Int {
        var signature = Array(repeating: UInt64(0), count: (sets.count + 63) / 64 + 1)
        for (index, set) in sets.enumerated() where set.contains(scalar) {
            signature[index >> 6] |= 1 << UInt64(index & 63)
        }
        var context: UInt8 = scalar == 0x0A ? Context.newline : 0
        if RegexClass.word.contains(scalar) { context |= Context.word }
        signature[signature.count - 1] = UInt64(context)
        if let known = numbers[signature] { return known }
        // 65,535 sets of characters cannot be told apart by an expression of a sane length.
        guard count < Int(UInt16.max) else { return 0 }
        numbers[signature] = count
        members.append(Array(signature.dropLast()))
        contexts.append(context)
        return count - 1
    }
}
