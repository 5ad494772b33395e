import CognitionCore
import Testing

@Suite struct GzipTests {
    @Test("What repeats itself gets shorter, what does not stays as it is")
    func gzip() throws {
        let text = Array(String(repeating: "durable ", count: 1_000).utf8)
        let compressed = try #require(Gzip.compressed(text))
        #expect(compressed.count < text.count / 20 && compressed.prefix(2) == [0x1F, 0x8B])
        var generator = SystemRandomNumberGenerator()
        let noise = (0..<4_096).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        #expect(Gzip.compressed(noise) == nil)
        #expect(Gzip.compressed([]) == nil && Gzip.compressed([1]) == nil)
    }

    @Test("What was packed comes back, whatever it is, and no more of it than is taken")
    func unpacking() throws {
        var generator = SplitMix64(seed: 7)
        for count in [0, 1, 1_000, 65_536, 200_001] {
            let noise = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            for bytes in [noise, [UInt8](repeating: 7, count: count)] {
                #expect(try Gzip.unpacked(Gzip.packed(bytes), bytesMax: count) == bytes)
                guard count > 0 else { continue }
                #expect(throws: Gzip.Fault.tooLarge) { try Gzip.unpacked(Gzip.packed(bytes), bytesMax: count - 1) }
            }
        }
    }

    @Test("What was changed, cut off or lengthened is refused")
    func damage() throws {
        let packed = Gzip.packed(Array(String(repeating: "durable ", count: 1_000).utf8))
        var changed = packed
        changed[packed.count / 2] ^= 0x10
        for bytes in [[], [1, 2, 3], Array(packed.dropLast()), Array(packed.prefix(10)), packed + [0], changed] {
            #expect(throws: Gzip.Fault.damaged) { try Gzip.unpacked(bytes, bytesMax: 1 << 20) }
        }
    }
}
