# Read by nginx's auto/make: adds our rule to objs/Makefile. Cargo decides what is out of date,
# so the rule always runs; its files stay in nginx's build directory.

ngx_gatehouse_so=$NGX_OBJS/ngx_http_gatehouse_module.so

case $NGX_MODULES_PATH in
    /*) ngx_gatehouse_path=$NGX_MODULES_PATH ;;
    *)  ngx_gatehouse_path=${NGX_PREFIX:-/usr/local/nginx}/$NGX_MODULES_PATH ;;
esac

cat << END                                                    >> $NGX_MAKEFILE

modules:	$ngx_gatehouse_so

$ngx_gatehouse_so:	gatehouse_always
	NGINX_SOURCE_DIR="\`pwd\`" \\
	NGINX_BUILD_DIR="\`cd '$NGX_OBJS' && pwd\`" \\
	'${CARGO:-cargo}' build --release --locked --package ngx-gatehouse \\
		--manifest-path '$ngx_addon_dir/Cargo.toml' \\
		--target-dir '$NGX_OBJS/gatehouse'
	cp '$NGX_OBJS/gatehouse/release/libngx_http_gatehouse_module.so' \\
		'$ngx_gatehouse_so'

gatehouse_always:

install:	gatehouse_install

gatehouse_install:	$ngx_gatehouse_so
	mkdir -p '\$(DESTDIR)$ngx_gatehouse_path'
	install -m 644 '$ngx_gatehouse_so' '\$(DESTDIR)$ngx_gatehouse_path/'

END
