/// Nexmark's model of an online auction: who sells, who bids on what and for how much, as Apache
/// Beam's generator has it. Of 50 events one is a person, three are auctions and 46 are bids.
/// Numbers here start at 0; ids are written from `firstID` on.
struct NexmarkModel {
    static let personsOf50 = 1
    static let auctionsOf50 = 3
    static let firstID = 1_000
    static let firstCategory = 10
    static let categories = 5
    /// 2015-07-15 00:00 UTC, as Beam's.
    static let baseMilliseconds: Int64 = 1_436_918_400_000
    private static let auctionsInFlight = 100
    private static let personsActive = 1_000
    /// Ids that do not exist yet may be named.
    private static let lead = 10
    private static let hotAuctionEvery = 100
    private static let hotPersonEvery = 100

    /// Events a second of event time.
    let rate: Int

    enum Kind { case person, auction, bid }

    static func kind(of event: Int) -> Kind {
        switch event % 50 {
        case 0: .person
        case 1...auctionsOf50: .auction
        default: .bid
        }
    }

    /// Milliseconds since 1970.
    func time(of event: Int) -> Int64 {
        Self.baseMilliseconds + Int64(event) * 1_000 / Int64(rate)
    }

    /// The number of the newest person when `event` happens.
    static func lastPerson(at event: Int) -> Int { event / 50 }

    /// The number of the newest auction when `event` happens; -1 before the first.
    static func lastAuction(at event: Int) -> Int {
        let (round, place) = event.quotientAndRemainder(dividingBy: 50)
        return round * auctionsOf50 + min(max(place, 0), auctionsOf50) - 1
    }

    static func person(_ event: Int, _ random: inout EventRandom) -> Int {
        let count = lastPerson(at: event) + 1
        let active = min(count, personsActive)
        return count - active + random.below(active + lead)
    }

    /// Three quarters are the second of the newest hundred.
    static func bidder(_ event: Int, _ random: inout EventRandom) -> Int {
        guard random.below(4) > 0 else { return person(event, &random) }
        return lastPerson(at: event) / hotPersonEvery * hotPersonEvery + 1
    }

    /// Three quarters are the first of the newest hundred.
    static func seller(_ event: Int, _ random: inout EventRandom) -> Int {
        guard random.below(4) > 0 else { return person(event, &random) }
        return lastPerson(at: event) / hotPersonEvery * hotPersonEvery
    }

    /// Half of the bids go to the first auction of the newest hundred.
    static func auction(_ event: Int, _ random: inout EventRandom) -> Int {
        let last = max(0, lastAuction(at: event))
        guard random.below(2) == 0 else { return last / hotAuctionEvery * hotAuctionEvery }
        let first = max(0, last - auctionsInFlight)
        return first + random.below(last - first + 1 + lead)
    }

    /// How long an auction lasts in milliseconds: on average as long as a hundred more take.
    func length(_ event: Int, _ random: inout EventRandom) -> Int64 {
        let ahead = time(of: event + Self.auctionsInFlight * 50 / Self.auctionsOf50)
        return 1 + Int64(random.below(Int(max(1, 2 * (ahead - time(of: event))))))
    }

    /// Log-uniform from 1.00 to 1,000,000.00, in cents.
    static func price(_ random: inout EventRandom) -> Int64 {
        let place = random.fraction() * Double(priceSteps)
        let step = Int(place)
        let part = place - Double(step)
        return Int64((prices[step] + part * (prices[step + 1] - prices[step])).rounded())
    }

    private static let priceSteps = 6 * 1_024
    /// 100 times ten to the power of step / 1024; the root is the same number on every machine,
    /// which a library's power function is not.
    private static let prices: [Double] = {
        var root = 10.0
        for _ in 0..<10 { root = root.squareRoot() }
        var prices: [Double] = []
        var decade = 100.0
        for _ in 0..<6 {
            var price = decade
            for _ in 0..<1_024 {
                prices.append(price)
                price *= root
            }
            decade *= 10
        }
        return prices + [decade, decade]
    }()
}
