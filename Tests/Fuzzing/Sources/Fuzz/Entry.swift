internal import CFuzzer
import Glibc

/// Which decoder this process feeds: `FUZZ_TARGET` in the environment.
private let target = unsafe getenv("FUZZ_TARGET").flatMap { name in
  Target(name: unsafe String(cString: name))
}

/// The program's entry point.
///
/// Without a target it names them all; with `FUZZ_SEEDS` it writes some valid inputs to that directory;
/// otherwise it fuzzes.
@_cdecl("Fuzz_main")
public func fuzzMain(
  _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
  guard let target else {
    for target in Target.all { print(target.name) }
    return 0
  }
  if let directory = unsafe getenv("FUZZ_SEEDS") {
    writeSeeds(of: target, to: unsafe String(cString: directory))
    return 0
  }
  var (count, arguments) = unsafe (count, arguments)
  return unsafe LLVMFuzzerRunDriver(&count, &arguments, testOneInput)
}

/// Called by libFuzzer with each input; whatever is wrong ends the process.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  target?.take(unsafe Array(UnsafeBufferPointer(start: data, count: size)))
  return 0
}

private func writeSeeds(of target: Target, to directory: String) {
  for (number, seed) in target.seeds().enumerated() {
    guard let file = unsafe fopen("\(directory)/\(target.name)-\(number)", "w") else {
      unsafe perror(directory)
      exit(1)
    }
    _ = unsafe fwrite(seed, 1, seed.count, file)
    unsafe fclose(file)
  }
}
