import CognitionCore
import CognitionEvents
import Testing

@Suite("How long events are kept") struct RetentionTests {
    @Test("Of several rules for a type the one that says most of it counts")
    func precedence() throws {
        let rules = try EventRetention([
            "*=400d", "order.*=90d", "order.line.*=never", "order.line.added=36h", "user.registered=30",
        ])
        func days(_ type: String) -> Double? { rules.age(of: type).map { $0.seconds / 86_400 } }
        #expect(days("order.placed") == 90 && days("order.line.removed") == nil && days("order.line.added") == 1.5)
        #expect(days("orders.placed") == 400 && days("order") == 400 && days("a.b.c") == 400)
        #expect(days("user.registered") == 30 && days("order.line") == 90)
        #expect(!rules.isEmpty)
        let some = try EventRetention(["order.*=90d"])
        #expect(some.age(of: "user.made") == nil && some.age(of: "order.made") != nil)
    }

    @Test("Without rules, or with none that lets anything go, everything stays")
    func nothing() throws {
        #expect(try EventRetention([]).isEmpty && EventRetention(["order.*=never"]).isEmpty)
        #expect(try EventRetention([]).age(of: "a.b") == nil)
    }

    @Test(
        "What is no rule is refused",
        arguments: [
            "order.placed", "order.placed=", "=30d", "order.*=30d=1d", "order*=30d", "order.=30d", ".*=30d",
            "Order.placed=30d", "order.*.placed=30d", "order.placed=23h", "order.placed=36501d", "order.placed=-1d",
            "order.placed=soon", "**=30d", "order..placed=30d",
        ])
    func refused(_ rule: String) async {
        #expect(await code { _ = try EventRetention([rule]) } == "event.invalid")
    }

    @Test("A type has one rule, and there are not too many")
    func bounds() async {
        #expect(await code { _ = try EventRetention(["a.*=30d", "a.*=never"]) } == "event.invalid")
        #expect(await code { _ = try EventRetention(["a.b=30d", "a.b=30d"]) } == "event.invalid")
        let many = (0...EventRetention.rulesMax).map { "a.b\($0)=30d" }
        #expect(await code { _ = try EventRetention(many) } == "event.invalid")
    }
}
