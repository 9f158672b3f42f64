import ChunkStore

/// A place in which no repository is, and what may be the reason.
struct MissingRepository {
  /// The place, as it was named.
  let location: String
  /// The repository that this client knows to have been there.
  var known: ClientMemory.Absent?
  /// Where that one is now, of the other places in which it was.
  var found: String?
  /// The disk that seems not to be mounted.
  var unmounted: UnmountedPlace?
  /// Whether there is something else in the place.
  var isOther = false
  /// Whether it has lost its configuration alone.
  var hasRemains = false
  /// The argument that was meant in all likelihood.
  var meant: String?
  /// Whether that is an archive of a repository that is there, or the repository around the place.
  var isArchiveMeant = false

  /// The words for the person who named the place.
  var message: Message {
    guard let known else { return unknown }
    var text: Message =
      "\(line: location): there is no repository here now. Repository \(known.repository.prefix(12)) "
      + "was here"
    if let backup = known.lastBackup {
      let time = TimeText.rfc3339(CivilTime(backup, in: .local))
      text = text + "; this client's last backup to it was at \(time)"
    }
    return "\(text). \(question)"
  }

  /// The rest of the message: the fate of the repository that was here.
  private var question: Message {
    if hasRemains {
      return "The directory has segments, and no configuration: bring config/ back from a copy"
    }
    if let found { return "It is in \(line: found), which this client knows as well" }
    if let unmounted { return unmounted.sentence }
    if isOther {
      return
        "There is something else: is another disk mounted here, or has the directory lost its config/?"
    }
    return location.hasPrefix("ssh://")
      ? "Is its disk not mounted on the server, or was it moved?"
      : "Is its disk not connected or not mounted, or was it moved?"
  }

  private var unknown: Message {
    let start: Message = "\(line: location): there is no repository here"
    if let unmounted { return start + ". \(unmounted.sentence)" }
    let command: Message = "`archivist init \(line: location)` makes one"
    guard let meant else { return start + ". \(command)" }
    let question: Message = "\(start); did you mean \(line: meant)?"
    // Nobody names a new repository like an archive of one that is there.
    return isArchiveMeant ? question : question + " \(command)"
  }
}

extension Session {
  /// Does something in a place, and says what is known of it if no repository is there.
  ///
  /// - Throws: `CommandFailure` instead of `StorageError.missingRepository`, and what `body` throws.
  func sayingWhatIsMissing<R>(at location: String, _ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch StorageError.missingRepository {
      throw CommandFailure(
        missing(at: location).message, status: .failure(.repositoryMissing))
    } catch StorageError.notARepository(let path) {
      let missing = missing(at: location, isOther: true)
      if missing.known == nil {
        guard missing.isArchiveMeant else { throw StorageError.notARepository(path) }
      }
      throw CommandFailure(missing.message, status: .failure(.notARepository))
    }
  }

  /// Tells whoever makes a repository where another one was, or where a disk is not mounted.
  func warnOfAnother(at location: String) {
    let missing = missing(at: location)
    guard missing.known != nil && missing.found == nil || missing.unmounted != nil else { return }
    report.caution(missing.message)
    report.caution("\(line: location): a new repository is made here")
  }

  private func missing(at location: String, isOther: Bool = false) -> MissingRepository {
    var missing = MissingRepository(location: location, isOther: isOther)
    let memory = ClientMemory(self)
    do {
      missing.known = try memory.absent(from: location).last
      missing.found = missing.known?.others.first { Self.isRepository($0) }
      if missing.known == nil {
        // Behind `missing::` an archive was named already.
        let isAlone = try CommandLineBytes.all().contains(Array(location.utf8))
        missing.meant = MeantLocation.archive(
          in: location,
          repository: isAlone ? environment.text("ARCHIVIST_REPO", "BORG_REPO") : nil,
          isRepository: Self.isRepository)
        missing.isArchiveMeant = missing.meant != nil
        if !isOther, missing.meant == nil {
          missing.meant = MeantLocation.place(near: location, among: try memory.places())
        }
      }
    } catch {
      // It is missing, whatever this client remembers.
      report.debug("\(Exit.describe(error).0)")
    }
    if !isOther, !location.hasPrefix("ssh://") {
      missing.hasRemains = Self.isRepository(location)
      missing.unmounted = UnmountedPlace.above(location)
    }
    return missing
  }

  /// Whether a directory of this machine looks like a repository.
  static func isRepository(_ path: String) -> Bool {
    ["config", "segments"].allSatisfy {
      PrivateFile.isThere(Array("\(path)/\($0)".utf8))
    }
  }
}
