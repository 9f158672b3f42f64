# make                 builds the program
# make install         puts it, its man pages, completions and documents where they belong
# make install-borg    offers the program under the name of borg too, in whose place it then is
# make uninstall       removes them again
# make dist            makes dist/archivist, one file that runs on any Linux
# make check           runs all tests
#
# PREFIX is where it will be, DESTDIR is put in front of every path, for those who make packages.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/archivist
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d
DESTDIR ?=

# A program that is built already can be named instead: make install ARCHIVIST=path
ARCHIVIST ?= .build/release/archivist
generated = .build/generated

.PHONY: all install install-borg uninstall dist check clean FORCE

all: $(ARCHIVIST)

# The build system knows better than make what has to be built anew.
.build/release/archivist: FORCE
	swift build -c release --static-swift-stdlib --product archivist

FORCE:

# Man pages and completions are what the program says of itself.
$(generated): $(ARCHIVIST)
	rm -rf $(generated)
	mkdir -p $(generated)
	scripts/make-man $(ARCHIVIST) $(generated)/man
	for shell in bash zsh fish; do \
	  $(ARCHIVIST) --generate-completion-script $$shell >$(generated)/$$shell || exit 1; \
	done

install: $(generated)
	install -D -m 755 $(ARCHIVIST) $(DESTDIR)$(BINDIR)/archivist
	install -d $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man7
	install -m 644 $(generated)/man/*.1 $(DESTDIR)$(MANDIR)/man1
	install -m 644 $(generated)/man/*.7 $(DESTDIR)$(MANDIR)/man7
	install -D -m 644 $(generated)/bash $(DESTDIR)$(BASHDIR)/archivist
	install -D -m 644 $(generated)/zsh $(DESTDIR)$(ZSHDIR)/_archivist
	install -D -m 644 $(generated)/fish $(DESTDIR)$(FISHDIR)/archivist.fish
	install -d $(DESTDIR)$(DOCDIR)/usage $(DESTDIR)$(DOCDIR)/examples
	install -d $(DESTDIR)$(DOCDIR)/decisions $(DESTDIR)$(DOCDIR)/performance
	install -m 644 CHANGELOG.md CONTRIBUTING.md LICENSE docs/*.md $(DESTDIR)$(DOCDIR)
	sed 's|](docs/|](|g' README.md >$(DESTDIR)$(DOCDIR)/README.md
	chmod 644 $(DESTDIR)$(DOCDIR)/README.md
	install -m 644 docs/decisions/*.md $(DESTDIR)$(DOCDIR)/decisions
	install -m 644 docs/performance/*.svg docs/performance/*.json $(DESTDIR)$(DOCDIR)/performance
	install -m 644 docs/usage/*.md $(DESTDIR)$(DOCDIR)/usage
	install -m 644 docs/examples/* $(DESTDIR)$(DOCDIR)/examples
	chmod 755 $(DESTDIR)$(DOCDIR)/examples/archivist-pull

# A borg that is there is not replaced.
install-borg: install
	@if [ -e $(DESTDIR)$(BINDIR)/borg ] && \
	  [ "$$(readlink $(DESTDIR)$(BINDIR)/borg)" != archivist ]; then \
	  echo "$(DESTDIR)$(BINDIR)/borg is there already, and is not replaced" >&2; exit 1; fi
	ln -sfn archivist $(DESTDIR)$(BINDIR)/borg

uninstall:
	if [ "$$(readlink $(DESTDIR)$(BINDIR)/borg)" = archivist ]; then rm -f $(DESTDIR)$(BINDIR)/borg; fi
	rm -f $(DESTDIR)$(BINDIR)/archivist
	rm -f $(DESTDIR)$(MANDIR)/man1/archivist.1 $(DESTDIR)$(MANDIR)/man1/archivist-*.1
	rm -f $(DESTDIR)$(MANDIR)/man7/archivist-*.7
	rm -f $(DESTDIR)$(BASHDIR)/archivist $(DESTDIR)$(ZSHDIR)/_archivist
	rm -f $(DESTDIR)$(FISHDIR)/archivist.fish
	rm -rf $(DESTDIR)$(DOCDIR)

dist:
	scripts/dist

check:
	scripts/test

clean:
	rm -rf .build dist
