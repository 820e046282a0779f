# Where Debian's nginx looks for modules; disabled until its snippet is linked into modules-enabled.

DESTDIR     ?=
MODULES_DIR := /usr/lib/nginx/modules
SNIPPET     := /usr/share/nginx/modules-available/mod-http-smart.conf

.PHONY: install uninstall

install: module ## module and load_module snippet, disabled until linked (DESTDIR is honoured)
	install -d '$(DESTDIR)$(MODULES_DIR)' '$(DESTDIR)$(dir $(SNIPPET))'
	install -m 644 $(MODULE) '$(DESTDIR)$(MODULES_DIR)/'
	printf 'load_module modules/ngx_http_smart_module.so;\n' > '$(DESTDIR)$(SNIPPET)'
	@echo "Disabled until you link it:"
	@echo "  ln -s $(SNIPPET) /etc/nginx/modules-enabled/50-mod-http-smart.conf"

uninstall: ## what install put there; refuses while the snippet is linked
	@for link in '$(DESTDIR)'/etc/nginx/modules-enabled/*; do \
	    if [ "$$(readlink "$$link")" = '$(SNIPPET)' ]; then \
	        echo "remove $$link first: nginx would not start without the module" >&2; exit 1; fi; \
	done
	rm -f '$(DESTDIR)$(MODULES_DIR)/ngx_http_smart_module.so' '$(DESTDIR)$(SNIPPET)'
