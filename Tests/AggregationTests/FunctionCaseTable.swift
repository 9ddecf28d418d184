/// Calls and their results in PostgreSQL 15, chosen from thousands of random ones.
let functionCases = #"""
    #	bigint=1	integer=-5	=>	bigint	-6
    #	bigint=3843492946771384018	integer=-2147483647	=>	bigint	-3843492947407989037
    #	integer=181150732	integer=1998215655	=>	integer	2111208939
    #	smallint=11	integer=-7	=>	integer	-14
    #	smallint=29288	smallint=15230	=>	smallint	18710
    %	integer=~	bigint=6	=>	bigint	~
    %	smallint=21939	bigint=~	=>	bigint	~
    %	numeric=9741.2	integer=~	=>	numeric	~
    %	smallint=-32767	numeric=-0.0000018	=>	numeric	-0.0000016
    %	smallint=32766	smallint=1	=>	smallint	0
    &	smallint=~	smallint=18	=>	smallint	~
    &	bigint=14	smallint=24858	=>	bigint	10
    &	integer=-4	smallint=4	=>	integer	4
    &	smallint=0	bigint=2358352003066750037	=>	bigint	0
    &	smallint=-16	integer=1569633930	=>	integer	1569633920
    *	bigint=-17	smallint=-32767	=>	bigint	557039
    *	bigint=-7	double precision=-2.0	=>	double precision	14
    *	bigint=-8812312672414079359	smallint=7432	=>	!	22003 bigint out of range
    *	integer=-7	numeric=36885283.218	=>	numeric	-258196982.526
    *	bigint=14	double precision=-175.5	=>	double precision	-2457
    +	integer=~	double precision=-0	=>	double precision	~
    +	bigint=~	numeric=5961870846525188243.831333855091087574528116851	=>	numeric	~
    +	integer=-11	numeric=-92559635231.69670192696	=>	numeric	-92559635242.69670192696
    +	bigint=-3938796813012148306	bigint=-2418874626345349991	=>	bigint	-6357671439357498297
    +	real=-93.6	bigint=1	=>	double precision	-92.5999984741211
    -	bigint=4146628213872685749	bigint=8772242285365904038	=>	bigint	-4625614071493218289
    -	integer=-1	double precision=-Infinity	=>	double precision	Infinity
    -	bigint=2	bigint=7303976812669272657	=>	bigint	-7303976812669272655
    -	integer=-590535546	=>	integer	590535546
    -	bigint=6	numeric=6.3864	=>	numeric	-0.3864
    /	bigint=6	smallint=-16	=>	bigint	0
    /	integer=10	bigint=-5184119404603099679	=>	bigint	0
    /	numeric=869.48	smallint=3	=>	numeric	289.8266666666666667
    /	integer=-38816095	integer=6	=>	integer	-6469349
    /	real=227.5	integer=1964525748	=>	double precision	1.1580403068354185e-07
    <	text=the quick brown fox jumpsa_b	character varying=xxHello World	=>	boolean	t
    <	bigint=-3979231548179746964	bigint=4824238668666235875	=>	boolean	t
    <<	integer=10	integer=7	=>	integer	1280
    <<	smallint=5	integer=-2	=>	smallint	0
    <<	integer=-2147483648	integer=1	=>	integer	0
    <<	bigint=7526831061220534314	integer=0	=>	bigint	7526831061220534314
    <<	bigint=-20	integer=-6	=>	bigint	-5764607523034234880
    <=	bytea=\x36bcbd4497147ecb4af7	bytea=\x091025cc	=>	boolean	f
    <=	double precision=9.808844364270467e-18	bigint=3745598881633421884	=>	boolean	t
    <>	date=-infinity	timestamp without time zone=1999-12-31 23:59:59.999999	=>	boolean	t
    <>	character varying=a,b,c	character varying=é	=>	boolean	t
    =	date=infinity	timestamp without time zone=2024-01-01 00:00:00	=>	boolean	f
    =	real=0.5	double precision=-78.5	=>	boolean	f
    >	bytea=\xa6	bytea=\x0f3791da2291606bc10a	=>	boolean	t
    >	bigint=-8225021992807552179	real=849.0	=>	boolean	f
    >=	date=infinity	date=0044-03-15 BC	=>	boolean	t
    >=	numeric=-7.6186	bigint=1869328127160531277	=>	boolean	f
    >>	smallint=6	integer=0	=>	smallint	6
    >>	bigint=-8209538442204904710	integer=9	=>	bigint	-16034254769931455
    >>	bigint=-2	integer=-1	=>	bigint	-1
    >>	smallint=-10	integer=11	=>	smallint	-1
    >>	integer=11	integer=10	=>	integer	0
    @	numeric=-4762602663068	=>	numeric	4762602663068
    @	smallint=-14	=>	smallint	14
    @	smallint=7	=>	smallint	7
    @	numeric=686.18	=>	numeric	686.18
    @	integer=17	=>	integer	17
    ^	numeric=22.36	integer=2	=>	numeric	499.9696000000000000
    ^	integer=~	double precision=-2993288705176617.5	=>	double precision	~
    ^	numeric=11.71	numeric=-27.42	=>	numeric	0.000000000000000000000000000005013833838940335
    ^	double precision=-1	integer=3	=>	double precision	-1
    ^	integer=-20	double precision=-607.0	=>	!	22003 value out of range: underflow
    ^@	text=a_b	text=a_b	=>	boolean	t
    ^@	text=1	text=aaa	=>	boolean	f
    abs	bigint=3761114865047233922	=>	bigint	3761114865047233922
    abs	real=~	=>	real	~
    abs	smallint=4	=>	smallint	4
    abs	real=-12.0	=>	real	12
    abs	numeric=-5.4385	=>	numeric	5.4385
    acos	double precision=-0.19764021540488708	=>	double precision	1.7697463919235084
    acos	double precision=1.0865575215107401	=>	!	22003 input is out of range
    acos	double precision=0.5622427810235167	=>	double precision	0.9737009800700385
    acos	double precision=-1.1587733838098524	=>	!	22003 input is out of range
    acosd	double precision=0.2856217108207222	=>	double precision	73.40398519398826
    acosd	double precision=1.1844184517098502	=>	!	22003 input is out of range
    acosd	double precision=-0.3979866805484954	=>	double precision	113.4523763486281
    acosd	double precision=1.1574154950802675	=>	!	22003 input is out of range
    acosh	double precision=-Infinity	=>	!	22003 input is out of range
    acosh	double precision=-0.05067448090791804	=>	!	22003 input is out of range
    acosh	double precision=~	=>	double precision	~
    acosh	double precision=1.0934207199202122	=>	double precision	0.42895531578207396
    array_to_string	integer[]={3,2}	text=b	text=12a%b	=>	text	3b2
    array_to_string	text[]={ab,b,ab,"x y"}	text=xx	text=a%b	=>	text	abxxbxxabxxx y
    ascii	text=abcabcabcé	=>	integer	97
    ascii	text=bA aß%%C,日.ßbBäß	=>	integer	98
    asin	double precision=0.8913300896383245	=>	double precision	1.1002706421236703
    asin	double precision=1.0188743528486455	=>	!	22003 input is out of range
    asin	double precision=-0.9161718078737469	=>	double precision	-1.1584219951994252
    asin	double precision=1.1163841281349443	=>	!	22003 input is out of range
    asind	double precision=-0.5530460909379274	=>	double precision	-33.57623955771314
    asind	double precision=-1.0477733688813413	=>	!	22003 input is out of range
    asind	double precision=0.949227053078306	=>	double precision	71.66382699843541
    asind	double precision=-1.110205835472053	=>	!	22003 input is out of range
    asinh	double precision=-1.020253796380317	=>	double precision	-0.8956229137091256
    asinh	double precision=0.8793295024112096	=>	double precision	0.7934235142930993
    atan	double precision=-0.523608698452969	=>	double precision	-0.4823556948575611
    atan	double precision=-0.5184425405213543	=>	double precision	-0.47829255064393084
    atan2	double precision=~	double precision=-4.1810560558810823e-07	=>	double precision	~
    atan2	double precision=209.5	double precision=66.0	=>	double precision	1.265602934546932
    atan2d	double precision=93.2	double precision=295.5	=>	double precision	17.505151004949973
    atan2d	double precision=2.75	double precision=-65.8	=>	double precision	177.60681227932923
    atand	double precision=-0.878551653606066	=>	double precision	-41.30097617865779
    atand	double precision=-0.16075634035584052	=>	double precision	-9.132525350756229
    atanh	double precision=0.46263143355829883	=>	double precision	0.5006541208089795
    atanh	double precision=0.3479623536492047	=>	double precision	0.3631235317303628
    atanh	double precision=-1.1934758407709272	=>	!	22003 input is out of range
    atanh	double precision=1.0110638929134932	=>	!	22003 input is out of range
    bit_count	bytea=\xbd454c7f	=>	bigint	19
    bit_count	bytea=\xec4e6f87a68918a1	=>	bigint	31
    bit_length	bytea=\x6ceaf1846e6971b2c9d565	=>	integer	88
    bit_length	bytea=\x146ca3436648c7264be2	=>	integer	80
    btrim	text=1	=>	text	1
    btrim	character varying=1	text=😀x	=>	text	1
    btrim	bytea=\x16a3a73cd784fe29	bytea=\x7f7a84ddf1	=>	bytea	\x16a3a73cd784fe29
    btrim	bytea=\x47a3b7e761cced2bc9bb05	bytea=\xbf0330e4cf	=>	bytea	\x47a3b7e761cced2bc9bb05
    cbrt	smallint=-1	=>	double precision	-1
    cbrt	smallint=~	=>	double precision	~
    ceil	real=1e38	=>	double precision	9.999999680285692e+37
    ceil	smallint=15	=>	double precision	15
    ceil	numeric=0.0000003015	=>	numeric	1
    ceil	numeric=87729785164355	=>	numeric	87729785164355
    ceiling	real=81.7	=>	double precision	82
    ceiling	bigint=-778677071440346500	=>	double precision	-7.786770714403465e+17
    ceiling	numeric=64.378	=>	numeric	65
    ceiling	numeric=7.2487	=>	numeric	8
    char_length	character varying=	=>	integer	0
    char_length	text=ÄÖÜß	=>	integer	4
    character_length	character varying=x	=>	integer	1
    character_length	text=aba.b.c	=>	integer	7
    chr	integer=373	=>	text	ŵ
    chr	integer=163	=>	text	£
    chr	integer=2147483647	=>	!	54000 requested character too large for encoding: 2147483647
    chr	integer=-995866472	=>	!	22023 character number must be positive
    concat	text=é	real=535.0	bytea=\x9c0e0f4ff6df	=>	text	é535\x9c0e0f4ff6df
    concat	text=abcabcabc	bytea=\x1e	interval=1 mon	=>	text	abcabcabc\x1e1 mon
    concat_ws	text=ĳ	bigint=-5239222990132865476	text=a	=>	text	-5239222990132865476ĳa
    concat_ws	text=ab	integer=8	date=1970-01-01	=>	text	8ab1970-01-01
    convert_from	bytea=~	text=UTF8	=>	text	~
    convert_from	bytea=\x	text=UTF8	=>	text	
    convert_to	text=it's	text=UTF8	=>	bytea	\x69742773
    convert_to	text=Hello World	text=UTF8	=>	bytea	\x48656c6c6f20576f726c64
    cos	double precision=-0.9884193969383079	=>	double precision	0.5500105998553436
    cos	double precision=-118.0	=>	double precision	0.1891294205289584
    cos	double precision=Infinity	=>	!	22003 input is out of range
    cosd	double precision=210.0	=>	double precision	-0.8660254037844387
    cosd	double precision=-30.0	=>	double precision	0.8660254037844387
    cosh	double precision=5.995158270932654e+16	=>	double precision	Infinity
    cosh	double precision=0.5	=>	double precision	1.1276259652063807
    cot	double precision=-0.34716286225596305	=>	double precision	-2.7638308876036772
    cot	double precision=0.3362137550765909	=>	double precision	2.861373284894597
    cotd	double precision=120.0	=>	double precision	-0.5773502691896257
    cotd	double precision=90.0	=>	double precision	0
    decode	text=6	text=hex	=>	!	22023 invalid hexadecimal data: odd number of digits
    decode	text=YQ==	text=hex	=>	!	22023 invalid hexadecimal digit: "Y"
    decode	text=YQ==	text=escape	=>	bytea	\x59513d3d
    decode	text=6	text=~	=>	bytea	~
    degrees	smallint=-32767	=>	double precision	-1877410.8073051684
    degrees	real=1.01	=>	double precision	57.86873676179801
    div	integer=-12	numeric=-45.972	=>	numeric	0
    div	integer=7	numeric=93772	=>	numeric	0
    div	numeric=96.438	integer=0	=>	!	22012 division by zero
    div	numeric=-7496.0	integer=0	=>	!	22012 division by zero
    encode	bytea=\x7a	text=base64	=>	text	eg==
    encode	bytea=\x08e3958151aadb513bfcf9	text=hex	=>	text	08e3958151aadb513bfcf9
    exp	numeric=~	=>	numeric	~
    exp	numeric=26.65	=>	numeric	374928058307.88390
    exp	double precision=-6.75	=>	double precision	0.0011708796207911744
    exp	integer=1299347756	=>	!	22003 value out of range: overflow
    exp	integer=-19	=>	double precision	5.602796437537268e-09
    factorial	integer=3	=>	numeric	6
    factorial	integer=6	=>	numeric	720
    factorial	integer=-5	=>	!	22003 factorial of a negative number is undefined
    factorial	integer=-2	=>	!	22003 factorial of a negative number is undefined
    floor	bigint=-6881651518696466933	=>	double precision	-6.881651518696466e+18
    floor	integer=-927047056	=>	double precision	-927047056
    floor	numeric=-1	=>	numeric	-1
    floor	numeric=63.92	=>	numeric	63
    format	text=%I	text[]={}	integer[]={NULL,NULL}	=>	text	"{}"
    format	text=%8s|	bytea=\x478fa09fad1298	text=0x1F	=>	text	\x478fa09fad1298|
    format	text=%z	text=ßB	character(5)=ab	=>	!	22023 unrecognized format() type specifier "z"
    format	text=%	text=.	real=-9.68	=>	!	22023 unterminated format() type specifier
    gcd	numeric=-53090	integer=19499625	=>	numeric	5
    gcd	numeric=76.08036195	integer=930908738	=>	numeric	0.00000005
    gcd	bigint=-9223372036854775808	integer=4	=>	bigint	4
    gcd	bigint=-2	bigint=-6545517471007793191	=>	bigint	1
    gcd	integer=17	integer=-12	=>	integer	1
    get_bit	bytea=\x1250a2b207	integer=8	=>	integer	0
    get_bit	bytea=\x86441443f1cdac981b60	integer=5	=>	integer	0
    get_bit	bytea=\x	integer=8	=>	!	2202E index 8 out of valid range, 0..-1
    get_bit	bytea=\xb8db7d90fdbd14cc	integer=-2	=>	!	2202E index -2 out of valid range, 0..63
    get_byte	bytea=\x2d37bec78951ecf0	integer=2	=>	integer	190
    get_byte	bytea=\xe7a93768edf16ea82a7a	integer=1	=>	integer	169
    get_byte	bytea=\xd197014ed210	integer=10	=>	!	2202E index 10 out of valid range, 0..5
    get_byte	bytea=\x45d6177a289970d3	integer=12	=>	!	2202E index 12 out of valid range, 0..7
    greatest	smallint=13	integer=1511997554	smallint=-6	=>	integer	1511997554
    greatest	double precision=-189.75	smallint=32682	smallint=-13334	=>	double precision	32682
    greatest	text=äC日bc% ,	unknown=2	text=1	=>	text	äC日bc% ,
    greatest	numeric=0.016332783295	numeric=0.00	real=1e-38	=>	real	0.016332783
    greatest	text=äöüaaa	text=ÄÖÜß	text=www.example.com/path?x=1	=>	text	äöüaaa
    ilike	character(5)=ä	text=hellox	=>	boolean	f
    ilike	character varying=äöü	text= %_	=>	boolean	f
    initcap	character varying=abcabcabcabcabcabc	=>	text	Abcabcabcabcabcabc
    initcap	text=%	=>	text	%
    lcm	integer=-2147483647	numeric=-2.2526	=>	numeric	24187108316161.0000
    lcm	numeric=~	integer=-15	=>	numeric	~
    lcm	bigint=5	bigint=6	=>	bigint	30
    lcm	bigint=-9223372036854775808	integer=-3	=>	!	22003 bigint out of range
    lcm	integer=-2	bigint=0	=>	bigint	0
    least	integer=4	real=91.2	numeric=-6.9959	=>	real	-6.9959
    least	bigint=9223372036854775806	integer=1	numeric=~	=>	numeric	1
    least	double precision=87.7	numeric=-7.9850	smallint=15320	=>	double precision	-7.985
    least	bigint=-18	real=2.5	real=-0	=>	real	-18
    least	double precision=~	real=-53.7	integer=-2147483647	=>	double precision	-2147483647
    left	text=a	integer=-5	=>	text	
    left	text=_äöü	integer=4	=>	text	_äöü
    length	character varying=äAß日ß%bacb	=>	integer	10
    length	text=.	=>	integer	1
    like	text=~	text=日	=>	boolean	~
    like	character varying=	text=~	=>	boolean	~
    like_escape	text=hello	text=abc	=>	!	22025 invalid escape string
    like_escape	text=_A日ä	text=1ĳ	=>	!	22025 invalid escape string
    like_escape	text=hello	text=,	=>	text	hello
    like_escape	text=x_x	text=é	=>	text	x_x
    ln	double precision=4.785208748155496e-12	=>	double precision	-26.065491466446357
    ln	integer=-2147483647	=>	!	2201E cannot take logarithm of a negative number
    ln	numeric=~	=>	numeric	~
    ln	numeric=1708.03	=>	numeric	7.4430959385970732
    ln	double precision=3.624051596821576e-19	=>	double precision	-42.46152414127394
    log	numeric=24723.3	=>	numeric	4.393106438752460
    log	numeric=781.76	numeric=0.49217	=>	numeric	-0.1064213777743105
    log	integer=-6	=>	!	2201E cannot take logarithm of a negative number
    log	integer=19	=>	double precision	1.2787536009528289
    log	double precision=-533.0	=>	!	2201E cannot take logarithm of a negative number
    log10	integer=12	=>	double precision	1.0791812460476249
    log10	numeric=22.2095	=>	numeric	1.3465387814352259
    log10	double precision=-122.5	=>	!	2201E cannot take logarithm of a negative number
    log10	integer=~	=>	double precision	~
    log10	numeric=16813.1	=>	numeric	4.2256477960551557
    lower	character varying=ĳ	=>	text	ĳ
    lower	text=ab	=>	text	ab
    lpad	text=a%b	integer=10	text=%	=>	text	%%%%%%%a%b
    lpad	text=foo bar  baz	integer=1	=>	text	f
    ltrim	character(5)=abc	=>	text	abc
    ltrim	bytea=\x3929e0612864	bytea=\xf30a841926	=>	bytea	\x3929e0612864
    ltrim	bytea=\x5589f59e9b	bytea=\xfabb26	=>	bytea	\x5589f59e9b
    ltrim	text=C	text=a_b	=>	text	C
    md5	bytea=\x63	=>	text	4a8a08f09d37b73795649038408b5f33
    md5	bytea=\xb6d5c74ce5b8e5	=>	text	fffc09ca6886fecd5a265d778ec258ae
    min_scale	numeric=-13.91	=>	integer	2
    min_scale	numeric=-15.48	=>	integer	2
    mod	smallint=6	bigint=-10	=>	bigint	6
    mod	bigint=-3	bigint=-19	=>	bigint	-3
    mod	smallint=-32767	smallint=614	=>	smallint	-225
    mod	numeric=-16.232	bigint=10	=>	numeric	-6.232
    mod	smallint=3	numeric=-7.2165	=>	numeric	3.0000
    nullif	numeric=~	double precision=2.2838002980658457e-17	=>	double precision	~
    nullif	double precision=~	numeric=-437.34	=>	double precision	~
    nullif	text=ahello	text=aa	=>	text	ahello
    nullif	smallint=-20305	numeric=0.98	=>	numeric	-20305
    nullif	real=1e38	real=-219.25	=>	real	1e+38
    num_nonnulls	numeric=~	text=é	=>	integer	1
    num_nonnulls	interval=31 days	double precision=-15.4	=>	integer	2
    num_nulls	integer=-789734913	character(5)=a	=>	integer	0
    num_nulls	integer[]={}	real=901.0	=>	integer	0
    octet_length	character(5)=abc	=>	integer	5
    octet_length	character(5)=ä	=>	integer	6
    overlay	text=it'sfoo bar  baz	text=1	integer=1	=>	text	1t'sfoo bar  baz
    overlay	character(5)=b	text=~	integer=-3	integer=-3	=>	text	~
    overlay	bytea=\xf0	bytea=\xdffefc99	integer=8	integer=10	=>	bytea	\xf0dffefc99
    overlay	bytea=\xdb50	bytea=\x65b60eae	integer=6	integer=8	=>	bytea	\xdb5065b60eae
    overlay	text=b	text=a%b	integer=-2	=>	!	22011 negative substring length not allowed
    pi	=>	double precision	3.141592653589793
    pi	=>	double precision	3.141592653589793
    position	text=日本語	text=foo bar  baz%	=>	integer	0
    position	character varying=日本語	character(5)=a	=>	integer	0
    pow	integer=9	integer=-5	=>	double precision	1.6935087808430286e-05
    pow	integer=7	integer=4	=>	double precision	2401
    pow	integer=10	numeric=12.52	=>	numeric	3311311214825.9109
    pow	integer=~	numeric=-22.24	=>	numeric	~
    pow	double precision=35.25	double precision=312.0	=>	!	22003 value out of range: overflow
    power	numeric=9.18	integer=6	=>	numeric	598488.8822560794240000
    power	numeric=4.92	integer=-2	=>	numeric	0.0413113887236433
    power	integer=9	double precision=8.34	=>	double precision	90862049.5238357
    power	double precision=-1	integer=0	=>	double precision	1
    power	double precision=1e15	numeric=29.53	=>	!	22003 value out of range: overflow
    quote_ident	text=1	=>	text	"1"
    quote_ident	text=a.b.c	=>	text	"a.b.c"
    quote_literal	text=a%b	=>	text	'a%b'
    quote_literal	text=	=>	text	''
    quote_nullable	text=AB.cCß,C.a	=>	text	'AB.cCß,C.a'
    quote_nullable	text=Hello World	=>	text	'Hello World'
    radians	smallint=-32768	=>	double precision	-571.9094892935019
    radians	smallint=-11	=>	double precision	-0.19198621771937624
    repeat	text=straße	integer=7	=>	text	straßestraßestraßestraßestraßestraßestraße
    repeat	text=straße	integer=3	=>	text	straßestraßestraße
    replace	text=the quick brown fox jumps	text=x,	text=Ünï	=>	text	the quick brown fox jumps
    replace	text=_foo bar  baz	text=it's	text=hello	=>	text	_foo bar  baz
    reverse	text=~	=>	text	~
    reverse	text=select	=>	text	tceles
    right	character(5)=b	integer=5	=>	text	b
    right	text=abc	integer=-3	=>	text	
    round	integer=10	integer=7	=>	numeric	10.0000000
    round	integer=15	=>	double precision	15
    round	integer=11	=>	double precision	11
    round	numeric=-893.97	integer=4	=>	numeric	-893.9700
    rpad	character varying=a	integer=-4	text=1	=>	text	
    rpad	character(5)=~	integer=5	=>	text	~
    rtrim	text=aa	=>	text	aa
    rtrim	text=Cßa%	text=é	=>	text	Cßa%
    rtrim	bytea=\xf17c98a08b737c	bytea=\x0eab52f4721b16	=>	bytea	\xf17c98a08b737c
    rtrim	bytea=\x1a164031f1518134	bytea=\x9a	=>	bytea	\x1a164031f1518134
    scale	numeric=-18.35	=>	integer	2
    scale	numeric=1977.0	=>	integer	1
    set_bit	bytea=\xe11ed38e0178094a	integer=9	integer=-4	=>	!	22023 new bit must be 0 or 1
    set_bit	bytea=\x	integer=10	integer=11	=>	!	2202E index 10 out of valid range, 0..-1
    set_bit	bytea=\x18d8a13edeaa65eb	integer=7	integer=1	=>	bytea	\x98d8a13edeaa65eb
    set_bit	bytea=~	integer=-2	integer=-1	=>	bytea	~
    set_byte	bytea=\x	integer=3	integer=0	=>	!	2202E index 3 out of valid range, 0..-1
    set_byte	bytea=\xdb	integer=10	integer=0	=>	!	2202E index 10 out of valid range, 0..0
    set_byte	bytea=\x57f43616dcf77ae49442	integer=6	integer=8	=>	bytea	\x57f43616dcf708e49442
    set_byte	bytea=\x89a66417ce88a4374368	integer=4	integer=9	=>	bytea	\x89a664170988a4374368
    sha224	bytea=\xc8	=>	bytea	\x38252b8511c55815be3fad7ab7bb2c04715b2d092297e59d6e022d8d
    sha224	bytea=\x8e92	=>	bytea	\xaf15e2faacd4128271bfdf5e4da61a8c6745fa654b87afe516b7bea9
    sha256	bytea=~	=>	bytea	~
    sha384	bytea=~	=>	bytea	~
    sha512	bytea=~	=>	bytea	~
    sign	integer=10	=>	double precision	1
    sign	double precision=37.85732223143441	=>	double precision	1
    sign	numeric=35.693	=>	numeric	1
    sign	numeric=-47257.8943660064983170098663350022342142960	=>	numeric	-1
    similar_to_escape	text=c?(a|b)xa	=>	text	^(?:c?(?:a|b)xa)$
    similar_to_escape	text=[ab]	=>	text	^(?:[ab])$
    sin	double precision=-218.0	=>	double precision	0.9425245273294025
    sin	double precision=1.014275613537593	=>	double precision	0.849098128189784
    sind	double precision=60.0	=>	double precision	0.8660254037844387
    sind	double precision=120.0	=>	double precision	0.8660254037844387
    sinh	double precision=0.5901485283836836	=>	double precision	0.6250057106339908
    sinh	double precision=-72.625	=>	double precision	-1.7362279871602827e+31
    split_part	text=ab	text=hello	integer=-4	=>	text	
    split_part	text=b._cb_	text=abcabcabcit's	integer=5	=>	text	
    split_part	text=  pad  	text="q"ΑΒΓ	integer=0	=>	!	22023 field position must not be zero
    split_part	text=.	text=,	integer=0	=>	!	22023 field position must not be zero
    sqrt	real=-462.0	=>	!	2201F cannot take square root of a negative number
    sqrt	numeric=1037.04	=>	numeric	32.203105440314293
    sqrt	numeric=297.921	=>	numeric	17.260388176399742
    sqrt	numeric=-1	=>	!	2201F cannot take square root of a negative number
    sqrt	real=165.5	=>	double precision	12.864680330268607
    starts_with	text="q"	text=%a%b	=>	boolean	f
    starts_with	text=Ünï	text=😀x	=>	boolean	f
    string_to_array	text=Tab_	text=abb	text=日b%a.	=>	text[]	{Tab_}
    string_to_array	text=éx	text=aaa	=>	text[]	{éx}
    strpos	character(5)=a	text=ÄÖÜß	=>	integer	0
    strpos	character(5)=ä	character varying=Ünï	=>	integer	0
    substr	text=ÄÖÜß	integer=-3	=>	text	ÄÖÜß
    substr	bytea=\x70d68e5fc1f90cf0b4bd	integer=12	integer=~	=>	bytea	~
    substr	character(5)=a	integer=-3	integer=12	=>	text	a
    substr	text=ABC	integer=10	integer=-5	=>	!	22011 negative substring length not allowed
    substr	bytea=\x	integer=-3	integer=5	=>	bytea	\x
    substring	bytea=\xc60c4beb	integer=8	integer=0	=>	bytea	\x
    substring	bytea=\x23cc74	integer=12	integer=9	=>	bytea	\x
    substring	character(5)=a b	integer=3	=>	text	b
    substring	text=aß.ä bß,	integer=-5	=>	text	aß.ä bß,
    substring	text=a%b	integer=-2	integer=-2	=>	!	22011 negative substring length not allowed
    tan	double precision=295.0	=>	double precision	-0.3200071577857465
    tan	double precision=0.5509016318916218	=>	double precision	0.6143464532947488
    tan	double precision=Infinity	=>	!	22003 input is out of range
    tand	double precision=150.0	=>	double precision	-0.5773502691896257
    tand	double precision=45.0	=>	double precision	1
    tanh	double precision=0.1844122897571805	=>	double precision	0.18234984979971317
    tanh	double precision=0.603443338939263	=>	double precision	0.5394952381086453
    to_hex	integer=1329678257	=>	text	4f4147b1
    to_hex	bigint=9223372036854775806	=>	text	7ffffffffffffffe
    translate	text=日本語	text=a  pad  	text=1-1	=>	text	日本語
    translate	character varying=a_b	text=www.example.com/path?x=1	text=12	=>	text	_b
    trim_scale	numeric=0	=>	numeric	0
    trim_scale	numeric=-14.41	=>	numeric	-14.41
    trunc	smallint=-1	=>	double precision	-1
    trunc	numeric=9.1765	integer=4	=>	numeric	9.1765
    trunc	bigint=2081174571807410471	=>	double precision	2.0811745718074104e+18
    trunc	integer=-2	integer=-2	=>	numeric	0
    upper	character(5)=a	=>	text	A
    upper	character(5)=abc	=>	text	ABC
    width_bucket	numeric=0.78	numeric=-10.56	numeric=20.25	integer=6	=>	integer	3
    width_bucket	numeric=4.95	double precision=56.5	numeric=-7.59	integer=8	=>	integer	7
    |	integer=14	integer=-16	=>	integer	-2
    |	bigint=0	bigint=-7	=>	bigint	-7
    |	smallint=3	bigint=-347676470525937579	=>	bigint	-347676470525937577
    |	smallint=-26604	integer=2147483647	=>	integer	-1
    |	smallint=-3124	smallint=27229	=>	smallint	-1059
    |/	smallint=16	=>	double precision	4
    |/	integer=-2	=>	!	2201F cannot take square root of a negative number
    |/	numeric=0.0000000007	=>	double precision	2.6457513110645906e-05
    |/	integer=-2147483648	=>	!	2201F cannot take square root of a negative number
    ||	time without time zone=12:34:56.789	text=b	=>	text	12:34:56.789b
    ||	bigint=1460383976624800203	text=b	=>	text	1460383976624800203b
    ||	text=aaa	integer[]=~	=>	!	42883 operator does not exist: text || integer[]
    ||	text=äöü	integer[]={0,-3,-1}	=>	!	42883 operator does not exist: text || integer[]
    ||	bytea=\xe504eb	bytea=\x5b7fe64c33b8ae7a8c25	=>	bytea	\xe504eb5b7fe64c33b8ae7a8c25
    ||/	integer=-1	=>	double precision	-1
    ||/	bigint=4874360302337226208	=>	double precision	1695531.5524497028
    ~	bigint=3128759328683332407	=>	bigint	-3128759328683332408
    ~	bigint=-17	=>	bigint	16
    ~	smallint=-11	=>	smallint	10
    ~	integer=0	=>	integer	-1
    ~	integer=6	=>	integer	-7
    """#
