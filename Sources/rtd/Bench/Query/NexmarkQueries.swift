/// Nexmark's queries in rtd's SQL, as Tests/Fixtures/nexmark has them (a test compares).
enum NexmarkQueries {
    /// Source and views over `events`; `path` may be `-` for standard input.
    static func definitions(_ path: String, isEndless: Bool) -> String {
        let stream = isEndless ? " STREAM" : ""
        return """
            CREATE SOURCE events (
              *,
              ts TIMESTAMP AS (COALESCE(person.dateTime, auction.dateTime, bid.dateTime)),
              WATERMARK FOR ts AS ts - INTERVAL '4' SECOND
            ) WITH (connector = 'file', path = '\(path)') FORMAT PLAIN ENCODE JSON;
            CREATE VIEW person AS
              SELECT person.*, ts FROM events\(stream) WHERE event_type = 0;
            CREATE VIEW auction AS
              SELECT auction.*, ts FROM events\(stream) WHERE event_type = 1;
            CREATE VIEW bid AS
              SELECT bid.*, ts FROM events\(stream) WHERE event_type = 2;

            """
    }

    static func sideInput(_ path: String) -> String {
        """
        CREATE TABLE side_input (key BIGINT, value VARCHAR)
          WITH (connector = 'file', path = '\(path)', header = 'false')
          FORMAT PLAIN ENCODE CSV;

        """
    }

    /// Names in the order in which they run.
    static let names = texts.map(\.name)

    static func text(_ name: String) -> String? {
        texts.first { $0.name == name }?.text
    }

    private static let texts: [(name: String, text: String)] = [
        (
            "q0",
            """
            SELECT auction, bidder, price, dateTime, extra FROM bid;
            """
        ),
        (
            "q1",
            """
            SELECT auction, bidder, CAST(0.908 * price AS DECIMAL(23,3)) AS price,
              dateTime, extra FROM bid;
            """
        ),
        (
            "q2",
            """
            SELECT auction, price FROM bid WHERE auction % 123 = 0;
            """
        ),
        (
            "q3",
            """
            SELECT p.name, p.city, p.state, a.id
            FROM auction a JOIN person p ON a.seller = p.id
            WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA');
            """
        ),
        (
            "q4",
            """
            SELECT category AS id, TRUNC(AVG(final))::BIGINT AS final
            FROM (SELECT MAX(b.price) AS final, a.category
                  FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND
                    a.expires
                  GROUP BY a.id, a.category) q
            GROUP BY category;
            """
        ),
        (
            "q5",
            """
            WITH counts AS (
              SELECT auction, window_start, window_end, COUNT(*) AS num
              FROM HOP(bid, ts, INTERVAL '2' SECOND, INTERVAL '10' SECOND)
              GROUP BY auction, window_start, window_end)
            SELECT c.auction, c.num
            FROM counts c
            JOIN (SELECT window_start, MAX(num) AS maxn FROM counts GROUP BY window_start) m
              ON c.window_start = m.window_start AND c.num >= m.maxn
            EMIT ON WINDOW CLOSE;
            """
        ),
        (
            "q6",
            """
            SELECT seller,
                   TRUNC(AVG(price) OVER (PARTITION BY seller ORDER BY dateTime
                                          ROWS BETWEEN 10 PRECEDING AND CURRENT
                                            ROW))::BIGINT AS avg_price
            FROM (SELECT a.id, a.seller, b.price, b.dateTime,
                         ROW_NUMBER() OVER (PARTITION BY a.id, a.seller ORDER BY b.price
                           DESC, b.dateTime) AS rn
                  FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND
                    a.expires) w
            WHERE rn <= 1;
            """
        ),
        (
            "q7",
            """
            SELECT b.auction, b.price, b.bidder, b.dateTime, b.extra
            FROM bid b
            JOIN (SELECT MAX(price) AS maxprice, window_end
                  FROM TUMBLE(bid, ts, INTERVAL '10' SECOND) GROUP BY window_start,
                    window_end) m
              ON b.price = m.maxprice AND b.ts BETWEEN m.window_end - INTERVAL '10' SECOND
                AND m.window_end;
            """
        ),
        (
            "q8",
            """
            SELECT p.id, p.name, p.window_start AS starttime
            FROM (SELECT DISTINCT id, name, window_start, window_end FROM TUMBLE(person,
              ts, INTERVAL '10' SECOND)) p
            JOIN (SELECT DISTINCT seller, window_start, window_end FROM TUMBLE(auction, ts,
              INTERVAL '10' SECOND)) a
              ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end =
                a.window_end
            EMIT ON WINDOW CLOSE;
            """
        ),
        (
            "q9",
            """
            SELECT id, itemName, description, initialBid, reserve, dateTime, expires,
              seller, category, extra,
                   auction, bidder, price, bid_dateTime, bid_extra
            FROM (SELECT a.*, b.auction, b.bidder, b.price, b.dateTime AS bid_dateTime,
              b.extra AS bid_extra,
                         ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC,
                           b.dateTime ASC) AS rn
                  FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND
                    a.expires) w
            WHERE rn <= 1;
            """
        ),
        (
            "q10",
            """
            SELECT auction, bidder, price, dateTime, extra,
                   to_char(dateTime, 'YYYY-MM-DD') AS dt, to_char(dateTime, 'HH24:MI') AS
                     hm FROM bid;
            """
        ),
        (
            "q11",
            """
            SELECT bidder, COUNT(*) AS bid_count, window_start AS starttime, window_end AS
              endtime
            FROM SESSION(bid PARTITION BY bidder, ts, INTERVAL '10' SECOND)
            GROUP BY bidder, window_start, window_end
            EMIT ON WINDOW CLOSE;
            """
        ),
        (
            "q12",
            """
            SELECT bidder, COUNT(*) AS bid_count, window_start AS starttime, window_end AS
              endtime
            FROM TUMBLE(bid, PROCTIME(), INTERVAL '10' SECOND)
            GROUP BY bidder, window_start, window_end
            EMIT ON WINDOW CLOSE;
            """
        ),
        (
            "q13",
            """
            SELECT b.auction, b.bidder, b.price, b.dateTime, s.value
            FROM bid b JOIN side_input FOR SYSTEM_TIME AS OF PROCTIME() AS s ON b.auction %
              10000 = s.key;
            """
        ),
        (
            "q14",
            """
            SELECT auction, bidder, CAST(0.908 * price AS DECIMAL(23,3)) AS price,
                   CASE WHEN EXTRACT(HOUR FROM dateTime) BETWEEN 8 AND 18 THEN 'dayTime'
                        WHEN EXTRACT(HOUR FROM dateTime) <= 6 OR EXTRACT(HOUR FROM
                          dateTime) >= 20 THEN 'nightTime'
                        ELSE 'otherTime' END AS bidTimeType,
                   dateTime, extra, LENGTH(extra) - LENGTH(REPLACE(extra, 'c', '')) AS
                     c_counts
            FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000;
            """
        ),
        (
            "q15",
            """
            SELECT to_char(dateTime, 'YYYY-MM-DD') AS day,
                   COUNT(*) AS total_bids,
                   COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
                   COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
                   COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
                   COUNT(DISTINCT bidder) AS total_bidders,
                   COUNT(DISTINCT bidder) FILTER (WHERE price < 10000) AS rank1_bidders,
                   COUNT(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000)
                     AS rank2_bidders,
                   COUNT(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS rank3_bidders,
                   COUNT(DISTINCT auction) AS total_auctions,
                   COUNT(DISTINCT auction) FILTER (WHERE price < 10000) AS rank1_auctions,
                   COUNT(DISTINCT auction) FILTER (WHERE price >= 10000 AND price <
                     1000000) AS rank2_auctions,
                   COUNT(DISTINCT auction) FILTER (WHERE price >= 1000000) AS rank3_auctions
            FROM bid GROUP BY to_char(dateTime, 'YYYY-MM-DD');
            """
        ),
        (
            "q16",
            """
            SELECT channel, to_char(dateTime, 'YYYY-MM-DD') AS day, MAX(to_char(dateTime,
              'HH24:MI')) AS minute,
                   COUNT(*) AS total_bids,
                   COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
                   COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
                   COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
                   COUNT(DISTINCT bidder) AS total_bidders,
                   COUNT(DISTINCT bidder) FILTER (WHERE price < 10000) AS rank1_bidders,
                   COUNT(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000)
                     AS rank2_bidders,
                   COUNT(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS rank3_bidders,
                   COUNT(DISTINCT auction) AS total_auctions,
                   COUNT(DISTINCT auction) FILTER (WHERE price < 10000) AS rank1_auctions,
                   COUNT(DISTINCT auction) FILTER (WHERE price >= 10000 AND price <
                     1000000) AS rank2_auctions,
                   COUNT(DISTINCT auction) FILTER (WHERE price >= 1000000) AS rank3_auctions
            FROM bid GROUP BY channel, to_char(dateTime, 'YYYY-MM-DD');
            """
        ),
        (
            "q17",
            """
            SELECT auction, to_char(dateTime, 'YYYY-MM-DD') AS day,
                   COUNT(*) AS total_bids,
                   COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
                   COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
                   COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
                   MIN(price) AS min_price, MAX(price) AS max_price,
                     TRUNC(AVG(price))::BIGINT AS avg_price, SUM(price)::BIGINT AS sum_price
            FROM bid GROUP BY auction, to_char(dateTime, 'YYYY-MM-DD');
            """
        ),
        (
            "q18",
            """
            SELECT DISTINCT ON (bidder, auction) auction, bidder, price, channel, url,
              dateTime, extra
            FROM bid ORDER BY bidder, auction, dateTime DESC;
            """
        ),
        (
            "q19",
            """
            SELECT auction, bidder, price, channel, url, dateTime, extra, rank_number
            FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS
              rank_number FROM bid) t
            WHERE rank_number <= 10;
            """
        ),
        (
            "q20",
            """
            SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.dateTime AS
              bid_dateTime, b.extra AS bid_extra,
                   a.itemName, a.description, a.initialBid, a.reserve, a.dateTime AS
                     auction_dateTime, a.expires,
                   a.seller, a.category, a.extra AS auction_extra
            FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10;
            """
        ),
        (
            "q21",
            """
            SELECT auction, bidder, price, channel,
                   CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1'
                                       WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3'
                                       ELSE (regexp_match(url,
                                         '(?:&|^)channel_id=([^&]*)'))[1] END AS channel_id
            FROM bid
            WHERE (regexp_match(url, '(?:&|^)channel_id=([^&]*)'))[1] IS NOT NULL
               OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu');
            """
        ),
        (
            "q22",
            """
            SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1,
                   split_part(url, '/', 5) AS dir2, split_part(url, '/', 6) AS dir3 FROM
                     bid;
            """
        ),
        (
            "q23",
            """
            SELECT b.bidder, b.price, b.channel, b.url, b.extra AS bid_extra,
                   p.id AS person_id, p.name, p.emailAddress, p.creditCard, p.city,
                     p.state, p.extra AS person_extra,
                   a.itemName, a.description, a.initialBid, a.reserve, a.dateTime AS
                     auction_dateTime, a.expires,
                   a.seller, a.category, a.extra AS auction_extra
            FROM bid b JOIN person p ON p.id = b.bidder JOIN auction a ON a.seller =
              b.bidder;
            """
        ),
    ]
}
