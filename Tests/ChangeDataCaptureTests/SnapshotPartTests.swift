import Testing

@testable import ChangeDataCapture

@Suite struct SnapshotPartTests {
    @Test func `the parts of a file cover it, and the last has no end`() {
        for blocks: Int64 in [0, 1, 2_047, 2_048, 2_049, 10_000, 1 << 30] {
            let parts = SnapshotPart.parts(
                of: "public.t", file: 7, blocks: blocks, bytes: blocks * 8_192)
            #expect(parts.first?.blocks.lowerBound == 0)
            #expect(parts.last?.blocks.upperBound == .max)
            #expect(
                zip(parts, parts.dropFirst()).allSatisfy {
                    $0.blocks.upperBound == $1.blocks.lowerBound
                })
            #expect(parts.count <= max(1, blocks / 2_048 + 1) && parts.count <= 65_537)
        }
        // Rows whose large values are stored elsewhere: a block stands for more.
        #expect(
            SnapshotPart.parts(of: "t", file: 7, blocks: 100, bytes: 400 << 20).count == 13)
    }

    @Test func `a part is selected by its blocks`() {
        let part = { SnapshotPart(relation: "t", file: 1, blocks: $0).conditions }
        #expect(part(0..<Int64.max) == [])
        #expect(part(0..<10) == ["ctid < '(10,0)'"])
        #expect(part(10..<20) == ["ctid >= '(10,0)'", "ctid < '(20,0)'"])
        #expect(part(20..<Int64.max) == ["ctid >= '(20,0)'"])
    }

    @Test func `the rest is what was not read or was written since`() {
        var read = ReadParts()
        for blocks: Range<Int64> in [0..<10, 30..<Int64.max, 10..<20] {
            read.add(SnapshotPart(relation: "t", file: 5, blocks: blocks))
        }
        read.add(SnapshotPart(relation: "u", file: 6, blocks: 0..<Int64.max))
        #expect(read.count == 4)
        let condition = read.conditionOfRest(oldest: "755")
        #expect(
            condition
                == "NOT (age(xmin) > age('755'::xid) AND (pg_relation_filenode(tableoid) IN (6) OR "
                + "pg_relation_filenode(tableoid) = 5 AND (ctid < '(20,0)' OR ctid >= '(30,0)')))")
        let request = BackfillRequest(table: "public.t", condition: condition)
        #expect(BackfillRequest(request.text) == request)
        #expect(request.label == "the rest of public.t")
        #expect(BackfillRequest(table: "public.t", condition: "a > 1").label == "public.t:a > 1")
    }
}
