import CognitionWorkflows
import Testing

@Suite("How far back new messages are looked for") struct MailLooksTests {
    private let start = ContinuousClock.now

    private func look(_ looks: inout MailLooks, at second: Double, lastKey: Int64?, leavesNothing: Bool = true)
        -> Int64?
    {
        let instant = start + .seconds(second)
        let from = looks.next(at: instant)
        looks.note(after: from, lastKey: from == nil ? lastKey : nil, leavesNothing: leavesNothing, at: instant)
        return from
    }

    @Test("Behind what was there ten seconds before, and every five seconds at the beginning")
    func marks() {
        var looks = MailLooks()
        #expect(look(&looks, at: 0, lastKey: 100) == nil)
        #expect(look(&looks, at: 1, lastKey: 110) == nil, "no mark is old enough")
        #expect(look(&looks, at: 6, lastKey: 160) == nil)
        #expect(look(&looks, at: 10.5, lastKey: 200) == 100)
        #expect(look(&looks, at: 11.5, lastKey: 210) == nil, "five seconds after the last that began there")
        #expect(look(&looks, at: 12, lastKey: 220) == 110)
        #expect(look(&looks, at: 16.4, lastKey: 264) == 160)
        #expect(look(&looks, at: 16.6, lastKey: 266) == nil)
        #expect(look(&looks, at: 21.5, lastKey: 310) == 210)
    }

    @Test("While something may be left, and where no key is told, at the beginning")
    func beginning() {
        var looks = MailLooks()
        for second in 0..<20 { #expect(look(&looks, at: Double(second), lastKey: 7, leavesNothing: false) == nil) }
        #expect(look(&looks, at: 20, lastKey: 9) == nil)
        #expect(look(&looks, at: 20.2, lastKey: 9) == 7)
        #expect(look(&looks, at: 20.4, lastKey: 9, leavesNothing: false) == 7)
        #expect(look(&looks, at: 20.6, lastKey: 9) == nil)
        var blind = MailLooks()
        for second in 0..<30 { #expect(look(&blind, at: Double(second), lastKey: nil) == nil) }
    }
}
