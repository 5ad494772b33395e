import CognitionStorage
import CognitionTestSupport
import Testing

/// Every engine keeps the promises of `Database`.
@Suite struct StorageConformanceTests {
    typealias Engine = TestDatabase.Engine

    /// - Parameter writers: One where a test holds the writer, or looks at the order of a writer's commits.
    private func check(
        _ engine: Engine, writers: Int = 1, _ promise: (any Database) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: StorageConformance.migrations, writers: writers, promise)
    }

    @Test(arguments: TestDatabase.engines) func valuesRoundTrip(on engine: Engine) async throws {
        try await check(engine, StorageConformance.valuesRoundTrip)
    }

    @Test(arguments: TestDatabase.engines) func coreTypesRoundTrip(on engine: Engine) async throws {
        try await check(engine, StorageConformance.coreTypesRoundTrip)
    }

    @Test(arguments: TestDatabase.engines) func wrongTypesAreRefused(on engine: Engine) async throws {
        try await check(engine, StorageConformance.wrongTypesAreRefused)
    }

    @Test(arguments: TestDatabase.engines) func zerosInTextsAreRefused(on engine: Engine) async throws {
        try await check(engine, StorageConformance.zerosInTextsAreRefused)
    }

    @Test(arguments: TestDatabase.engines) func interpolationBinds(on engine: Engine) async throws {
        try await check(engine, StorageConformance.interpolationBinds)
    }

    @Test(arguments: TestDatabase.engines) func partsAreRenumbered(on engine: Engine) async throws {
        try await check(engine, StorageConformance.partsAreRenumbered)
    }

    @Test(arguments: TestDatabase.engines) func listsMayBeEmpty(on engine: Engine) async throws {
        try await check(engine, StorageConformance.listsMayBeEmpty)
    }

    @Test(arguments: TestDatabase.engines) func changesAreCounted(on engine: Engine) async throws {
        try await check(engine, StorageConformance.changesAreCounted)
    }

    @Test(arguments: TestDatabase.engines) func returningCompletes(on engine: Engine) async throws {
        try await check(engine, StorageConformance.returningCompletes)
    }

    @Test(arguments: TestDatabase.engines) func statementsNest(on engine: Engine) async throws {
        try await check(engine, StorageConformance.statementsNest)
    }

    @Test(arguments: TestDatabase.engines) func faultsAreNamed(on engine: Engine) async throws {
        try await check(engine, StorageConformance.faultsAreNamed)
    }

    @Test(arguments: TestDatabase.engines, StorageConformance.Failure.allCases)
    func failuresAreConfined(on engine: Engine, failure: StorageConformance.Failure) async throws {
        for place in StorageConformance.places {
            try await check(engine) {
                try await StorageConformance.failuresAreConfined($0, place: place, failure: failure)
            }
        }
    }

    @Test(arguments: TestDatabase.engines) func repetitionsHaveOneEffect(on engine: Engine) async throws {
        try await check(engine, StorageConformance.repetitionsHaveOneEffect)
    }

    @Test(arguments: TestDatabase.engines) func requestsKeepTheirOrder(on engine: Engine) async throws {
        try await check(engine, StorageConformance.requestsKeepTheirOrder)
    }

    @Test(arguments: TestDatabase.engines) func acknowledgedWritesAreRead(on engine: Engine) async throws {
        try await check(engine, writers: 4, StorageConformance.acknowledgedWritesAreRead)
    }

    @Test(arguments: TestDatabase.engines) func concurrentIncrementsAddUp(on engine: Engine) async throws {
        try await check(engine, writers: 4, StorageConformance.concurrentIncrementsAddUp)
    }

    @Test(arguments: TestDatabase.engines) func readsAreSnapshots(on engine: Engine) async throws {
        try await check(engine) {
            try await StorageConformance.readsAreSnapshots($0, beside: engine.readsBesideWrites)
        }
    }

    @Test(arguments: TestDatabase.engines) func readsWriteNothing(on engine: Engine) async throws {
        try await check(engine, StorageConformance.readsWriteNothing)
    }

    @Test(arguments: TestDatabase.engines) func commitStepsRunOncePerRound(on engine: Engine) async throws {
        try await check(engine, StorageConformance.commitStepsRunOncePerRound)
    }

    @Test(arguments: TestDatabase.engines) func commitStepFailuresAreConfined(on engine: Engine) async throws {
        try await check(engine, StorageConformance.commitStepFailuresAreConfined)
    }

    @Test(arguments: TestDatabase.engines) func actionsFollowCommits(on engine: Engine) async throws {
        try await check(engine, StorageConformance.actionsFollowCommits)
    }

    @Test(arguments: TestDatabase.engines) func signalsCoalesce(on engine: Engine) async throws {
        try await check(engine, StorageConformance.signalsCoalesce)
    }

    @Test(arguments: TestDatabase.engines) func cancelledWritesDoNotStart(on engine: Engine) async throws {
        try await check(engine, StorageConformance.cancelledWritesDoNotStart)
    }

    @Test(arguments: TestDatabase.engines) func overloadIsRefused(on engine: Engine) async throws {
        try await check(engine, StorageConformance.overloadIsRefused)
    }

    @Test(arguments: TestDatabase.engines) func closingDrains(on engine: Engine) async throws {
        try await check(engine, StorageConformance.closingDrains)
    }

    @Test(arguments: TestDatabase.engines) func migrationsApplyOnce(on engine: Engine) async throws {
        try await withTestDatabase(engine, StorageConformance.migrationsApplyOnce)
    }

    @Test(arguments: TestDatabase.engines) func changedMigrationIsRefused(on engine: Engine) async throws {
        try await withTestDatabase(engine, StorageConformance.changedMigrationIsRefused)
    }

    @Test(arguments: TestDatabase.engines) func newerDatabaseIsRefused(on engine: Engine) async throws {
        try await withTestDatabase(engine, StorageConformance.newerDatabaseIsRefused)
    }

    @Test(arguments: TestDatabase.engines) func failingMigrationLeavesNothing(on engine: Engine) async throws {
        try await withTestDatabase(engine, StorageConformance.failingMigrationLeavesNothing)
    }
}
