import Testing

@testable import Bytes

/// The vectors of FIPS 180-4, RFC 4231 and RFC 7914 (PBKDF2 with SHA-256), and of hashlib.
@Suite struct DigestTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static let twoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    private static let longText =
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
        + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (twoBlocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ])
    func `SHA-256 gives the digests of its standard`(text: String, digest: String) {
        #expect(hex(SHA256.digest(of: Array(text.utf8))) == digest)
    }

    @Test(arguments: [
        (
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            longText,
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
        ),
    ])
    func `SHA-512 gives the digests of its standard`(text: String, digest: String) {
        #expect(hex(SHA512.digest(of: Array(text.utf8))) == digest)
    }

    @Test func `a digest does not depend on the pieces it is fed in`() {
        let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for count in [0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 127, 128, 129, 1_000] {
            let all = Array(bytes[..<count])
            for piece in [1, 13, 64, 200] {
                var (short, long) = (SHA256(), SHA512())
                for start in stride(from: 0, to: count, by: piece) {
                    short.update(all[start..<min(start + piece, count)])
                    long.update(all[start..<min(start + piece, count)])
                }
                #expect(short.finish() == SHA256.digest(of: all))
                #expect(long.finish() == SHA512.digest(of: all))
            }
        }
    }

    @Test func `HMAC gives the codes of RFC 4231, also with a key longer than a block`() {
        let first = HMAC<SHA256>(key: [UInt8](repeating: 0x0b, count: 20))
        #expect(
            hex(first.code(of: Array("Hi There".utf8)))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let long = HMAC<SHA512>(key: [UInt8](repeating: 0xaa, count: 131))
        #expect(
            hex(long.code(of: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)))
                == "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
        )
    }

    @Test func `a password is stretched as PBKDF2 says`() {
        let (password, salt) = (Array("password".utf8), Array("salt".utf8))
        #expect(
            hex(stretchedPassword(password, salt: salt, iterations: 1, hash: SHA256.self))
                == "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b")
        #expect(
            hex(stretchedPassword(password, salt: salt, iterations: 4_096, hash: SHA256.self))
                == "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a")
        #expect(
            hex(stretchedPassword(password, salt: salt, iterations: 1, hash: SHA512.self))
                == "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce"
        )
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ])
    func `base64 is that of RFC 4648`(text: String, encoded: String) {
        #expect(StrictBase64.text(Array(text.utf8)) == encoded)
        #expect(StrictBase64.bytes(encoded) == Array(text.utf8))
    }

    @Test(arguments: [
        "Zg", "Zg=", "Zh==", "Z===", "Zm9=Zm9v", "Zm9v\n", "====", "Zm8=Zm8=", "é===",
    ])
    func `what is no base64, or a second spelling, is refused`(text: String) {
        #expect(StrictBase64.bytes(text) == nil)
    }

    @Test func `secrets are equal only byte for byte`() {
        #expect(areEqualInConstantTime([1, 2], [1, 2]))
        #expect(!areEqualInConstantTime([1, 2], [1, 3]))
        #expect(!areEqualInConstantTime([1, 2], [1]))
    }
}
