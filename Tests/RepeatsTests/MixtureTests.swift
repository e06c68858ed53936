import Base
import Repeats
import Testing

/// The order of the sequences in data of which a share repeats a subset.
@Suite struct MixtureTests {
  @Test(
    "a mixture has the share, and repeats as near to the number as whole sequences allow",
    arguments: [
      (1000, 0.5, 10, 50), (1000, 0.5, 500, 1), (16, 0.5, 4, 2), (100, 0.1, 3, 3),
      (37, 0.3, 4, 3), (7, 1, 7, 1), (10, 0, 5, 0),
    ])
  func arithmetic(count: Int, share: Double, times: Int, subset: Int) throws {
    let mixture = try Mixture(count: count, share: share, times: times)
    #expect(mixture.subsetCount == subset)
    let order = try mixture.order(from: 2000, seed: 3)
    #expect(order.count == count)
    let counts = Dictionary(grouping: order) { $0 }.mapValues(\.count)
    let chosen = Set(try mixture.subset(from: 2000, seed: 3))
    #expect(chosen.count == subset && counts.count == mixture.distinctCount)
    let repeated = counts.filter { chosen.contains($0.key) }.values
    #expect(repeated.reduce(0, +) == mixture.repeatedCount)
    #expect((repeated.max() ?? 0) - (repeated.min() ?? 0) <= 1)
    let others = counts.filter { !chosen.contains($0.key) }.values
    #expect(others.count == mixture.uniqueCount && others.allSatisfy { $0 == 1 })
  }

  @Test("mixtures of one seed share their unique part, which the control reads alone")
  func control() throws {
    let mixtures = try [1, 2, 8, 64].map { try Mixture(count: 256, share: 0.25, times: $0) }
    let subsets = try mixtures.map { Set(try $0.subset(from: 300, seed: 5)) }
    let control = try #require(mixtures[0].control)
    let unique = Set(try control.order(from: 300, seed: 5))
    #expect(unique.count == 192)
    for (mixture, subset) in zip(mixtures, subsets) {
      let order = Set(try mixture.order(from: 300, seed: 5))
      #expect(order == unique.union(subset) && unique.isDisjoint(with: subset))
    }
    #expect(subsets[3].isSubset(of: subsets[2]) && subsets[2].isSubset(of: subsets[1]))
    let other = try mixtures[3].order(from: 300, seed: 6)
    #expect(try mixtures[3].order(from: 300, seed: 5) != other)
  }

  @Test("occurrences are spread over the whole data")
  func spread() throws {
    let mixture = try Mixture(count: 4000, share: 0.5, times: 2000)
    let subset = try mixture.subset(from: 3000, seed: 0)[0]
    let order = try mixture.order(from: 3000, seed: 0)
    for quarter in 0..<4 {
      let part = order[quarter * 1000..<(quarter + 1) * 1000]
      // Four standard deviations of a draw without replacement.
      #expect(abs(part.count { $0 == subset } - 500) < 55)
    }
  }

  @Test(
    "a mixture that cannot be made is refused",
    arguments: [
      (0, 0.5, 1), (10, 1.5, 1), (10, -0.1, 1), (10, .nan, 1), (10, 0.5, 0), (10, 0.5, 6),
      (10, 0.01, 2), (32, 1e-9, 8),
    ])
  func refused(count: Int, share: Double, times: Int) {
    #expect(throws: UsageError.self) { try Mixture(count: count, share: share, times: times) }
  }

  @Test("too few sequences are refused, and named")
  func short() throws {
    let mixture = try Mixture(count: 10, share: 0.5, times: 5)
    #expect(throws: UsageError.self) { try mixture.order(from: 5, seed: 0) }
    #expect(try mixture.order(from: 6, seed: 0).count == 10)
    #expect(try Mixture(count: 4, share: 1, times: 2).control == nil)
  }
}
