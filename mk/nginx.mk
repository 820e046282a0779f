# The module, built by nginx's own configure. That takes seconds, so it runs again only when the
# hook, the list of files, the flags or nginx itself changed.

DEBIAN_SRC := /usr/share/nginx/src
NGINX_SRC  ?=
NGINX_NAME := $(if $(NGINX_SRC),$(notdir $(abspath $(NGINX_SRC))))
NGINX_OUT  := $(OUT)/$(if $(NGINX_SRC),$(NGINX_NAME),nginx)
STATIC_OUT := $(OUT)/$(NGINX_NAME)-static

# Of Debian's nginx-dev: the package's own; of another nginx: those of its modules we have tests with.
NGINX_FLAGS ?= --with-compat --with-debug --with-threads --with-http_ssl_module \
               --with-http_v2_module --with-http_realip_module --with-http_auth_request_module \
               --with-http_addition_module --with-http_slice_module --with-http_stub_status_module

MODULE := $(if $(NGINX_SRC),$(NGINX_OUT),$(OUT)/module)/ngx_http_smart_module.so

# nginx itself passes NULL where nothing is to be copied.
NGINX_SANITIZE := -fsanitize=address,undefined -fno-sanitize=nonnull-attribute
SANITIZED_OUT  := $(OUT)/sanitized

.PHONY: module static sanitized FORCE

ifdef NGINX_SRC
module: $(NGINX_OUT)/configured FORCE ## (of all) the dynamic module; with NGINX_SRC that nginx, too
	+@$(MAKE) -f $(NGINX_OUT)/objs/Makefile -C $(NGINX_OUT)/tree binary modules
	@cp -u $(NGINX_OUT)/objs/ngx_http_smart_module.so $(NGINX_OUT)/objs/nginx $(NGINX_OUT)/
	@echo "built $(NGINX_OUT)/{nginx,ngx_http_smart_module.so}"

static: $(STATIC_OUT)/configured FORCE ## with NGINX_SRC: an nginx that contains the module
	+@$(MAKE) -f $(STATIC_OUT)/objs/Makefile -C $(STATIC_OUT)/tree binary
	@cp -u $(STATIC_OUT)/objs/nginx $(STATIC_OUT)/
	@echo "built $(STATIC_OUT)/nginx"

sanitized: ## with NGINX_SRC: TESTS against an nginx with the module, all under ASan and UBSan
	+@$(MAKE) static BUILD='$(SANITIZED_OUT)' RELRO='$(NGINX_SANITIZE)' \
	    HARDENING='-O1 -g -fno-omit-frame-pointer $(NGINX_SANITIZE)'
	SMART_BUILD='$(OUT)' SMART_SANITIZED=1 SMART_MODULE= LSAN_OPTIONS='suppressions=$(TOP)/t/lsan.supp:print_suppressions=0' \
	    SMART_NGINX='$(SANITIZED_OUT)/$(NGINX_NAME)-static/nginx' perl -It/lib t/run.pl $(TESTS)
else
module: $(NGINX_OUT)/configured FORCE
	+@$(MAKE) -f $(NGINX_OUT)/objs/Makefile -C $(DEBIAN_SRC) modules
	@mkdir -p $(dir $(MODULE)) && cp -u $(NGINX_OUT)/objs/ngx_http_smart_module.so $(MODULE)

static sanitized:
	@echo "make $@ needs NGINX_SRC=<an unpacked nginx>" >&2; exit 2
endif

# What a configure depends on, as a file that changes only when any of it does.
define WRITE_INPUTS
@mkdir -p $(@D)
@{ echo '$(NGINX_SRC) $(if $(NGINX_SRC),$(NGINX_FLAGS)) $(HARDENING) $(RELRO)'; \
   printf '%s\n' $(sort $(MODULE_C) $(HEADERS)); cat config; \
   cat '$(if $(NGINX_SRC),$(NGINX_SRC),$(DEBIAN_SRC))/src/core/nginx.h'; \
   $(if $(NGINX_SRC),:,cat $(DEBIAN_SRC)/conf_flags); } > $@.new
@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
endef

$(NGINX_OUT)/inputs $(STATIC_OUT)/inputs: FORCE | deps-build
	$(WRITE_INPUTS)

# configure writes a Makefile into the tree it runs in: it gets a copy made of links.
define LINK_TREE
@rm -rf $(@D)/tree $(@D)/objs && mkdir -p $(@D)/tree
@cd '$(NGINX_SRC)' && for entry in *; do \
    case "$$entry" in Makefile | objs) ;; *) cp -as "$$PWD/$$entry" $(@D)/tree/ ;; esac; done
endef

CONFIGURE = bash $$([ -x ./configure ] && echo ./configure || echo auto/configure)
CONFIGURE_COMMON = --with-cc-opt='$(HARDENING)' --with-ld-opt='$(RELRO)' --builddir=$(@D)/objs
CONFIGURE_LOG = > $(@D)/configure.log 2>&1 || { tail -n 20 $(@D)/configure.log >&2; exit 1; }

ifdef NGINX_SRC
$(NGINX_OUT)/configured: $(NGINX_OUT)/inputs
	$(LINK_TREE)
	@echo "configuring nginx of $(NGINX_SRC)"
	@cd $(@D)/tree && { $(CONFIGURE) $(NGINX_FLAGS) $(CONFIGURE_COMMON) \
	    --add-dynamic-module='$(TOP)' $(CONFIGURE_LOG); }
	@touch $@

$(STATIC_OUT)/configured: $(STATIC_OUT)/inputs
	$(LINK_TREE)
	@echo "configuring a static nginx of $(NGINX_SRC)"
	@cd $(@D)/tree && { $(CONFIGURE) $(NGINX_FLAGS) $(CONFIGURE_COMMON) \
	    --add-module='$(TOP)' $(CONFIGURE_LOG); }
	@touch $@
else
$(NGINX_OUT)/configured: $(NGINX_OUT)/inputs
	@echo "configuring for Debian's nginx"
	@rm -rf $(@D)/objs
	@cd $(DEBIAN_SRC) && . ./conf_flags && { $(CONFIGURE) "$${NGX_CONF_FLAGS[@]}" \
	    $(CONFIGURE_COMMON) --add-dynamic-module='$(TOP)' $(CONFIGURE_LOG); }
	@touch $@
endif
