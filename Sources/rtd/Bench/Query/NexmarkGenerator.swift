import Formats

/// Writes Nexmark's events as lines of JSON: the same for the same seed, rate and number on every
/// machine. Used by one thread.
///
/// The event of each kind is filled up to Beam's mean sizes (persons 200, auctions 500, bids 100
/// bytes) by its member `extra`, give or take a fifth.
struct NexmarkGenerator {
    let model: NexmarkModel
    let seed: UInt64
    private var times = EventTimeWriter(separator: UInt8(ascii: " "), suffix: "")
    private let hotURLs: [[UInt8]]

    init(seed: UInt64, rate: Int) {
        model = NexmarkModel(rate: max(1, rate))
        self.seed = seed
        hotURLs = (0..<4).map { number in
            var random = EventRandom(seed: ~seed, event: number)
            var text = OutputBuffer(capacity: 256)
            Self.appendBaseURL(&random, &text)
            return (0..<text.count).map {
                text.bytes.byte(at: $0)
            }
        }
    }

    /// Appends the line of an event.
    mutating func append(_ event: Int, to target: inout OutputBuffer) {
        var random = EventRandom(seed: seed, event: event)
        let time = model.time(of: event)
        switch NexmarkModel.kind(of: event) {
        case .person: person(event, time, &random, &target)
        case .auction: auction(event, time, &random, &target)
        case .bid: bid(event, time, &random, &target)
        }
    }

    // MARK: Kinds

    private mutating func person(
        _ event: Int, _ time: Int64, _ random: inout EventRandom, _ target: inout OutputBuffer
    ) {
        target.append("{\"event_type\":0,\"person\":{\"id\":")
        target.append(decimal: Int64(NexmarkModel.firstID + NexmarkModel.lastPerson(at: event)))
        target.append(",\"name\":\"")
        let start = target.count
        target.append(Self.firstNames[random.below(Self.firstNames.count)])
        target.append(UInt8(ascii: " "))
        target.append(Self.lastNames[random.below(Self.lastNames.count)])
        target.append("\",\"emailAddress\":\"")
        Self.appendWord(7, &random, &target)
        target.append(UInt8(ascii: "@"))
        Self.appendWord(5, &random, &target)
        target.append(".com\",\"creditCard\":\"")
        for group in 0..<4 {
            if group > 0 { target.append(UInt8(ascii: " ")) }
            random.appendDigits(4, to: &target)
        }
        target.append("\",\"city\":\"")
        target.append(Self.cities[random.below(Self.cities.count)])
        target.append("\",\"state\":\"")
        target.append(Self.states[random.below(Self.states.count)])
        let size = target.count - start
        target.append("\",\"dateTime\":\"")
        times.append(time, to: &target)
        extra(200 - 8 - size, &random, &target)
        target.append("\"},\"auction\":null,\"bid\":null}\n")
    }

    private mutating func auction(
        _ event: Int, _ time: Int64, _ random: inout EventRandom, _ target: inout OutputBuffer
    ) {
        target.append("{\"event_type\":1,\"person\":null,\"auction\":{\"id\":")
        target.append(decimal: Int64(NexmarkModel.firstID + NexmarkModel.lastAuction(at: event)))
        target.append(",\"itemName\":\"")
        let start = target.count
        Self.appendWord(20, &random, &target)
        target.append("\",\"description\":\"")
        Self.appendWord(100, &random, &target)
        let size = target.count - start
        let initialBid = NexmarkModel.price(&random)
        target.append("\",\"initialBid\":")
        target.append(decimal: initialBid)
        target.append(",\"reserve\":")
        target.append(decimal: initialBid + NexmarkModel.price(&random))
        target.append(",\"dateTime\":\"")
        times.append(time, to: &target)
        target.append("\",\"expires\":\"")
        times.append(time + model.length(event, &random), to: &target)
        target.append("\",\"seller\":")
        let seller = NexmarkModel.firstID + NexmarkModel.seller(event, &random)
        target.append(decimal: Int64(seller))
        target.append(",\"category\":")
        let category = NexmarkModel.firstCategory + random.below(NexmarkModel.categories)
        target.append(decimal: Int64(category))
        extra(500 - 48 - size, &random, &target, quote: false)
        target.append("\"},\"bid\":null}\n")
    }

    private mutating func bid(
        _ event: Int, _ time: Int64, _ random: inout EventRandom, _ target: inout OutputBuffer
    ) {
        target.append("{\"event_type\":2,\"person\":null,\"auction\":null,\"bid\":{\"auction\":")
        let auction = NexmarkModel.firstID + NexmarkModel.auction(event, &random)
        target.append(decimal: Int64(auction))
        target.append(",\"bidder\":")
        let bidder = NexmarkModel.firstID + NexmarkModel.bidder(event, &random)
        target.append(decimal: Int64(bidder))
        target.append(",\"price\":")
        target.append(decimal: NexmarkModel.price(&random))
        target.append(",\"channel\":\"")
        if random.below(2) > 0 {
            let hot = random.below(Self.hotChannels.count)
            target.append(Self.hotChannels[hot])
            target.append("\",\"url\":\"")
            target.append(hotURLs[hot])
        } else {
            channel(random.below(10_000), &target)
        }
        target.append("\",\"dateTime\":\"")
        times.append(time, to: &target)
        extra(100 - 32, &random, &target)
        target.append("\"}}\n")
    }

    // MARK: Members

    /// One of the 10,000 other channels; its URL is always the same, and nine in ten name it.
    private func channel(_ number: Int, _ target: inout OutputBuffer) {
        target.append("channel-")
        target.append(decimal: Int64(number))
        target.append("\",\"url\":\"")
        var random = EventRandom(seed: ~seed, event: 1_000 + number)
        Self.appendBaseURL(&random, &target)
        guard random.below(10) > 0 else { return }
        target.append("&channel_id=")
        target.append(decimal: Int64(random.next() &>> 33))
    }

    /// `,"extra":"` and letters: `mean` of them give or take a fifth. Behind a text member its
    /// closing quote comes first.
    private func extra(
        _ mean: Int, _ random: inout EventRandom, _ target: inout OutputBuffer, quote: Bool = true
    ) {
        if quote { target.append(UInt8(ascii: "\"")) }
        target.append(",\"extra\":\"")
        let spread = max(0, mean) / 5
        random.appendLetters(max(0, mean) - spread + random.below(2 * spread + 1), to: &target)
    }

    /// Three to `most` - 1 letters.
    private static func appendWord(
        _ most: Int, _ random: inout EventRandom, _ target: inout OutputBuffer
    ) {
        random.appendLetters(3 + random.below(most - 3), to: &target)
    }

    private static func appendBaseURL(_ random: inout EventRandom, _ target: inout OutputBuffer) {
        target.append("https://www.nexmark.com/")
        for _ in 0..<3 {
            appendWord(6, &random, &target)
            target.append(UInt8(ascii: "/"))
        }
        target.append("item.htm?query=1")
    }

    private static let hotChannels = texts(["Google", "Facebook", "Baidu", "Apple"])
    private static let firstNames = texts([
        "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter",
        "Walter",
    ])
    private static let lastNames = texts([
        "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris",
    ])
    private static let cities = texts([
        "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond",
        "Seattle", "Kent", "Cheyenne",
    ])
    private static let states = texts(["AZ", "CA", "ID", "OR", "WA", "WY"])

    private static func texts(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
}
