import LinuxSystem
import Testing

@testable import ChunkStore

struct StageTimesTests {
  @Test func `tell a thread that waits for work from one that waits to be rid of it`() throws {
    StageTimes.begin()
    let input = BoundedQueue<Int>(capacity: 1)
    let output = BoundedQueue<Int>(capacity: 1)
    let group = ThreadGroup()
    group.start("times taker") { while input.pop() != nil {} }
    group.start("times giver") { for number in 0..<2 { try output.push(number) } }
    SystemClock.pause(0.1)
    input.close()
    while output.pop() != 1 {}
    try group.join()
    let stages = StageTimes.stages
    let taker = try #require(stages.first { $0.name == "times taker" })
    let giver = try #require(stages.first { $0.name == "times giver" })
    #expect(taker.input > 0.05 && taker.output == 0)
    #expect(giver.output > 0.05 && giver.input == 0)
    for stage in [taker, giver] {
      #expect(stage.alive >= max(stage.input, stage.output))
      #expect(stage.busy < 0.05)
    }
  }
}
