import Bytes
import Formats

// Rows to groups, a loop for each shape of key.
extension GroupTable {
    /// Writes the group of each row to `ids`; without `inserting`, -1 where there is none.
    public func find(
        _ keys: [Column], count: Int, into ids: UnsafeMutablePointer<Int32>, inserting: Bool
    ) {
        newGroups.removeAll(keepingCapacity: true)
        newRows.removeAll(keepingCapacity: true)
        guard count > 0 else { return }
        if keys.allSatisfy(\.isConstant) {
            reserve(1)
            unsafe findRows(keys.map { GroupTable.normalised($0) }, 1, ids, inserting)
            let group = unsafe ids[0]
            unsafe ids.update(repeating: group, count: count)
            return
        }
        if inserting { reserve(count) }
        unsafe findRows(keys.map { GroupTable.normalised($0) }, count, ids, inserting)
    }

    private func findRows(
        _ keys: [Column], _ count: Int, _ ids: UnsafeMutablePointer<Int32>, _ inserting: Bool
    ) {
        switch shape {
        case .word: unsafe findWords(keys[0], count, ids, inserting)
        case .string: unsafe findStrings(keys[0], count, ids, inserting)
        case .twoWords:
            if keys[0].validity == nil, keys[1].validity == nil, !columns[0].hasNulls,
                !columns[1].hasNulls
            {
                unsafe findPairs(keys[0], keys[1], count, ids, inserting)
            } else {
                unsafe findGeneral(keys, count, ids, inserting)
            }
        case .general: unsafe findGeneral(keys, count, ids, inserting)
        }
    }

    /// Booleans and doubles as words.
    private static func normalised(_ key: Column) -> Column {
        let elements = key.isConstant ? 1 : key.count
        let words: Buffer<Int64>
        switch key.storage {
        case .boolean(let buffer):
            words = Buffer(capacity: elements)
            for index in 0..<elements { unsafe words.base[index] = Int64(buffer.base[index]) }
        case .double(let buffer):
            words = Buffer(capacity: elements)
            for index in 0..<elements { unsafe words.base[index] = groupWord(buffer.base[index]) }
        default: return key
        }
        return Column(
            .bigint, count: key.count, .integer(words), validity: key.validity,
            isConstant: key.isConstant)
    }

    /// A hash of each row of a column, the same in every run; equal values have one.
    static func hashes(_ column: Column) -> [UInt64] {
        let key = normalised(column)
        return unsafe [UInt64](unsafeUninitializedCapacity: column.count) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            unsafe base.update(repeating: 0, count: column.count)
            unsafe hash(key, column.count, base)
            count = column.count
        }
    }

    private func findNull(_ row: Int, _ inserting: Bool) -> Int32 {
        if nullGroup < 0, inserting {
            nullGroup = add(row)
            columns[0].setNull(nullGroup)
        }
        return nullGroup
    }

    private func findWords(
        _ key: Column, _ count: Int, _ ids: UnsafeMutablePointer<Int32>, _ inserting: Bool
    ) {
        let source = unsafe key.integers
        let step = key.indexMask
        let hasNulls = key.validity != nil
        let kept = unsafe columns[0].words.base
        let slots = unsafe self.slots.base
        let mask = self.slots.count &- 1
        let shift = shift
        var row = 0
        rows: while row < count {
            defer { row &+= 1 }
            if hasNulls, key.isNull(row) {
                unsafe ids[row] = findNull(row, inserting)
                continue
            }
            let word = unsafe source[row & step]
            let hash = combineHash(0, UInt64(bitPattern: word))
            var position = Int(hash &>> shift)
            var slot = unsafe slots[position]
            while slot != 0 {
                if (slot ^ hash) & saltMask == 0 {
                    let group = Int32(truncatingIfNeeded: slot) &- 1
                    if unsafe kept[Int(group)] == word {
                        unsafe ids[row] = group
                        continue rows
                    }
                }
                position = (position &+ 1) & mask
                slot = unsafe slots[position]
            }
            guard inserting else {
                unsafe ids[row] = -1
                continue
            }
            let group = add(row)
            columns[0].setWord(group, word)
            unsafe slots[position] = hash & saltMask | UInt64(group &+ 1)
            unsafe ids[row] = group
        }
    }

    private func findStrings(
        _ key: Column, _ count: Int, _ ids: UnsafeMutablePointer<Int32>, _ inserting: Bool
    ) {
        let source = unsafe key.strings
        let step = key.indexMask
        let hasNulls = key.validity != nil
        // Storing a string may take memory of others back, which moves none of the views.
        let kept = unsafe columns[0].views.base
        let slots = unsafe self.slots.base
        let mask = self.slots.count &- 1
        let shift = shift
        var row = 0
        rows: while row < count {
            defer { row &+= 1 }
            if hasNulls, key.isNull(row) {
                unsafe ids[row] = findNull(row, inserting)
                continue
            }
            let view = unsafe source[row & step]
            let hash = view.combineHash(0)
            var position = Int(hash &>> shift)
            var slot = unsafe slots[position]
            while slot != 0 {
                if (slot ^ hash) & saltMask == 0 {
                    let group = Int32(truncatingIfNeeded: slot) &- 1
                    if unsafe kept[Int(group)] == view {
                        unsafe ids[row] = group
                        continue rows
                    }
                }
                position = (position &+ 1) & mask
                slot = unsafe slots[position]
            }
            guard inserting else {
                unsafe ids[row] = -1
                continue
            }
            let group = add(row)
            columns[0].setString(group, view)
            unsafe slots[position] = hash & saltMask | UInt64(group &+ 1)
            unsafe ids[row] = group
        }
    }

    private func findPairs(
        _ first: Column, _ second: Column, _ count: Int, _ ids: UnsafeMutablePointer<Int32>,
        _ inserting: Bool
    ) {
        let (x, y) = unsafe (first.integers, second.integers)
        let (xStep, yStep) = (first.indexMask, second.indexMask)
        let (keptX, keptY) = unsafe (columns[0].words.base, columns[1].words.base)
        let slots = unsafe self.slots.base
        let mask = self.slots.count &- 1
        let shift = shift
        var row = 0
        rows: while row < count {
            defer { row &+= 1 }
            let a = unsafe x[row & xStep]
            let b = unsafe y[row & yStep]
            let hash = combineHash(
                combineHash(0, UInt64(bitPattern: a)), UInt64(bitPattern: b))
            var position = Int(hash &>> shift)
            var slot = unsafe slots[position]
            while slot != 0 {
                if (slot ^ hash) & saltMask == 0 {
                    let group = Int32(truncatingIfNeeded: slot) &- 1
                    if unsafe keptX[Int(group)] == a && keptY[Int(group)] == b {
                        unsafe ids[row] = group
                        continue rows
                    }
                }
                position = (position &+ 1) & mask
                slot = unsafe slots[position]
            }
            guard inserting else {
                unsafe ids[row] = -1
                continue
            }
            let group = add(row)
            columns[0].setWord(group, a)
            columns[1].setWord(group, b)
            unsafe slots[position] = hash & saltMask | UInt64(group &+ 1)
            unsafe ids[row] = group
        }
    }

    private func findGeneral(
        _ keys: [Column], _ count: Int, _ ids: UnsafeMutablePointer<Int32>, _ inserting: Bool
    ) {
        hashRows(keys, count)
        let slots = unsafe self.slots.base
        let mask = self.slots.count &- 1
        var row = 0
        rows: while row < count {
            defer { row &+= 1 }
            let hash = hashes[row]
            var position = Int(hash &>> shift)
            var slot = unsafe slots[position]
            while slot != 0 {
                if (slot ^ hash) & saltMask == 0 {
                    let group = Int32(truncatingIfNeeded: slot) &- 1
                    if isEqual(group, keys, row) {
                        unsafe ids[row] = group
                        continue rows
                    }
                }
                position = (position &+ 1) & mask
                slot = unsafe slots[position]
            }
            guard inserting else {
                unsafe ids[row] = -1
                continue
            }
            let group = add(row)
            for index in keys.indices { columns[index].set(group, from: keys[index], row) }
            unsafe slots[position] = hash & saltMask | UInt64(group &+ 1)
            unsafe ids[row] = group
        }
    }

    @inline(__always)
    private func isEqual(_ group: Int32, _ keys: [Column], _ row: Int) -> Bool {
        for index in keys.indices {
            let (kept, key) = (columns[index], keys[index])
            let isNull = key.isNull(row)
            if isNull != kept.isNull(group) { return false }
            if isNull { continue }
            switch key.storage {
            case .integer(let buffer):
                if unsafe kept.words.base[Int(group)] != buffer.base[row & key.indexMask] {
                    return false
                }
            case .string(let buffer, _):
                let view = unsafe buffer.base[row & key.indexMask]
                if unsafe kept.views.base[Int(group)] != view {
                    guard key.type == .jsonb,
                        unsafe JSONKey.areEqual(kept.views.base[Int(group)], view)
                    else { return false }
                }
            default: if kept.order(group, to: key, row) != 0 { return false }
            }
        }
        return true
    }

    /// The hash of each row, column by column.
    private func hashRows(_ keys: [Column], _ count: Int) {
        if hashes.count < count { hashes = [UInt64](repeating: 0, count: count) }
        unsafe hashes.withUnsafeMutableBufferPointer { buffer in
            guard let target = buffer.baseAddress else { return }
            unsafe target.update(repeating: 0, count: count)
            for key in keys { unsafe GroupTable.hash(key, count, target) }
        }
    }

    private static func hash(_ key: Column, _ count: Int, _ target: UnsafeMutablePointer<UInt64>) {
        let step = key.indexMask
        let hasNulls = key.validity != nil
        var row = 0
        while row < count {
            let hash = unsafe target[row]
            if hasNulls, key.isNull(row) {
                unsafe target[row] = combineHash(hash, nullWord)
            } else {
                switch key.storage {
                case .integer(let buffer):
                    let word = unsafe buffer.base[row & step]
                    unsafe target[row] = combineHash(hash, UInt64(bitPattern: word))
                case .string(let buffer, _) where key.type == .jsonb:
                    unsafe target[row] = JSONKey.hash(buffer.base[row & step], hash)
                case .string(let buffer, _):
                    unsafe target[row] = buffer.base[row & step].combineHash(hash)
                case .numeric(let values):
                    unsafe target[row] = combineHash(hash, values[row & step].groupHash)
                default: unsafe target[row] = combineHash(hash, key.value(row).groupHash)
                }
            }
            row &+= 1
        }
    }
}
